using Credence.MedicalIO;

namespace Credence.Inference.Tests;

/// <summary>The pictures for viewers that show nothing else, pixel by pixel.</summary>
public sealed class SlicePicturesTests
{
    private static readonly VolumeGeometry Scan = new(new(5, 5, 70), new(new(-1, 0, 0), new(0, -2, 0), new(0, 0, 3), new(0, 0, 0))); // LPS, rows twice as far apart as columns

    [Fact]
    public void A_lesion_is_outlined_on_the_left_and_uncertainty_is_coloured_on_the_right()
    {
        var (labels, entropy) = (new LabelMap(Scan, new byte[Scan.Size.Count]), new Volume(Scan, new float[Scan.Size.Count]));
        for (var (i, j) = (1, 1); j < 4; (i, j) = i == 3 ? (1, j + 1) : (i + 1, j))
        {
            labels.Labels[i + 5 * (j + 5 * 7)] = 7; // 3 x 3 voxels of slice 7: a ring around (2, 2)
        }

        entropy[4, 0, 7] = 0.5f;
        var pictures = Of(labels, entropy);

        Assert.Equal((10, 10, 1), (pictures.Width, pictures.Height, pictures.Frames.Count));
        for (var y = 0; y < 10; y++)
        {
            for (var x = 0; x < 5; x++)
            {
                var (i, j) = (x, y / 2);
                var isRing = i is >= 1 and <= 3 && j is >= 1 and <= 3 && (i, j) != (2, 2);
                Assert.Equal(isRing ? [0x56, 0xB4, 0xE9] : Grey(i), Pixel(x, y));
                Assert.Equal((i, j) == (4, 0) ? [0xFC, 0xFF, 0xA4] : Grey(i), Pixel(5 + x, y));
            }
        }

        byte[] Pixel(int x, int y) => pictures.Frames[0][(3 * (x + 10 * y))..(3 * (x + 10 * y) + 3)];
    }

    [Fact]
    public void There_is_a_picture_however_many_slices_hold_a_lesion()
    {
        var (labels, entropy) = (new LabelMap(Scan, new byte[Scan.Size.Count]), new Volume(Scan, new float[Scan.Size.Count]));
        entropy[2, 2, 30] = 0.5f;
        Assert.Equal([0xFC, 0xFF, 0xA4], Assert.Single(Of(labels, entropy).Frames)[(3 * (7 + 10 * 4))..(3 * (7 + 10 * 4) + 3)]); // the most uncertain slice
        Array.Fill(labels.Labels, (byte)7);
        Assert.Equal(64, Of(labels, entropy).Frames.Count);
    }

    /// <summary>The scan runs from black in column 0 to white in column 4.</summary>
    private static byte[] Grey(int i) => [.. Enumerable.Repeat((byte)(255 * i / 4.0), 3)];

    /// <summary>Maps come in canonical order, as the engine does not promise the scan's.</summary>
    private static SlicePictures Of(LabelMap labels, Volume entropy)
    {
        var volume = new Volume(Scan, [.. Enumerable.Range(0, (int)Scan.Size.Count).Select(v => (float)(v % 5))]);
        return SlicePictures.Of(volume, new()
        {
            Segmentation = Orientation.ToCanonical(labels),
            Probabilities = [],
            PredictiveEntropy = Orientation.ToCanonical(entropy),
            MutualInformation = entropy,
            Lesions = new([], new int[labels.Labels.Length], [], []),
            SampleVolumes = [],
            Patches = 1,
            EmptyPatches = 0,
            Shared = Sampling.SharedWork.None,
            StoppedBy = StopReason.AllSamples,
            Samples = 1,
        }, 0.5);
    }
}
