using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>Pictures of slices for viewers that show nothing but pictures: left the scan with the outline of the segmentation, right with the predictive entropy in colour.</summary>
/// <param name="Width">Pixels along a row.</param>
/// <param name="Height">Pixels along a column.</param>
/// <param name="Frames">Red, green, blue, row by row.</param>
internal sealed record SlicePictures(int Width, int Height, IReadOnlyList<byte[]> Frames)
{
    private const int MostFrames = 64;
    private const double Dark = 0.5, Bright = 99.5; // percentiles of the scan that become black and white

    private static readonly (byte R, byte G, byte B) Outline = (0x56, 0xB4, 0xE9); // sky blue (Okabe and Ito 2008): apart from grey for every kind of colour vision

    /// <summary>Inferno of matplotlib (van der Walt and Smith 2015, CC0) at 9 points.</summary>
    private static readonly (byte R, byte G, byte B)[] Inferno =
    [
        (0x00, 0x00, 0x04), (0x21, 0x0C, 0x4A), (0x57, 0x10, 0x6E), (0x8A, 0x22, 0x6A), (0xBC, 0x37, 0x54),
        (0xE4, 0x5A, 0x31), (0xF9, 0x8C, 0x0A), (0xF9, 0xCB, 0x35), (0xFC, 0xFF, 0xA4),
    ];

    /// <summary>Draws the slices that hold a segmented voxel, at most 64 of them, evenly taken; where there is none, the most uncertain slice.</summary>
    /// <param name="scan">Slices along k; rows are drawn along i.</param>
    /// <param name="prediction">On the same places.</param>
    /// <param name="largestEntropy">Nats; the end of the colours.</param>
    public static SlicePictures Of(Volume scan, Prediction prediction, double largestEntropy)
    {
        var (size, spacing) = (scan.Geometry.Size, scan.Geometry.Spacing);
        var labels = Orientation.Reorder(prediction.Segmentation, scan.Geometry).Labels;
        var entropy = Orientation.Reorder(prediction.PredictiveEntropy, scan.Geometry).Voxels;
        var (low, high) = (Percentile.Of(scan.Voxels, null, Dark), Percentile.Of(scan.Voxels, null, Bright));

        // Pixels of a picture are square: the longer edge of a voxel is drawn over more of them.
        var edge = Math.Min(spacing.X, spacing.Y);
        var (columns, rows) = ((int)Math.Round(size.Width * spacing.X / edge), (int)Math.Round(size.Height * spacing.Y / edge));
        var frames = Slices(labels, entropy, size).Select(k =>
        {
            var pixels = new byte[3 * 2 * columns * rows];
            for (var y = 0; y < rows; y++)
            {
                for (var x = 0; x < columns; x++)
                {
                    var (i, j) = (x * size.Width / columns, y * size.Height / rows);
                    var v = i + size.Width * (j + size.Height * k);
                    var grey = high > low ? Math.Clamp((scan.Voxels[v] - low) / (high - low), 0, 1) : 0;
                    var share = Math.Clamp(entropy[v] / largestEntropy, 0, 1);
                    var white = (byte)(255 * grey);
                    Set(x, y, IsOutline(labels, size, i, j, k) ? Outline : (white, white, white));
                    Set(columns + x, y, Mix((white, white, white), Colour(share), Math.Min(1, 2 * share)));
                }
            }

            return pixels;

            void Set(int x, int y, (byte R, byte G, byte B) colour)
            {
                var at = 3 * (x + 2 * columns * y);
                (pixels[at], pixels[at + 1], pixels[at + 2]) = colour;
            }
        }).ToList();
        return new(2 * columns, rows, frames);
    }

    private static List<int> Slices(byte[] labels, float[] entropy, Size3 size)
    {
        var pixels = size.Width * size.Height;
        var filled = Enumerable.Range(0, size.Depth).Where(k => labels.AsSpan(k * pixels, pixels).ContainsAnyExcept((byte)0)).ToList();
        return filled.Count == 0 ? [Enumerable.Range(0, size.Depth).MaxBy(k => Sum(entropy.AsSpan(k * pixels, pixels)))]
            : filled.Count <= MostFrames ? filled
            : [.. Enumerable.Range(0, MostFrames).Select(n => filled[(int)((long)n * (filled.Count - 1) / (MostFrames - 1))])];
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        var sum = 0.0;
        foreach (var value in values)
        {
            sum += value;
        }

        return sum;
    }

    /// <summary>A voxel of a class with a neighbour in the slice that is of another.</summary>
    private static bool IsOutline(byte[] labels, Size3 size, int i, int j, int k)
    {
        var slice = labels.AsSpan(size.Width * size.Height * k, size.Width * size.Height);
        var label = slice[i + size.Width * j];
        return label != 0 && (i == 0 || j == 0 || i == size.Width - 1 || j == size.Height - 1
            || slice[i - 1 + size.Width * j] != label || slice[i + 1 + size.Width * j] != label
            || slice[i + size.Width * (j - 1)] != label || slice[i + size.Width * (j + 1)] != label);
    }

    private static (byte R, byte G, byte B) Colour(double share)
    {
        var position = share * (Inferno.Length - 1);
        return Mix(Inferno[(int)position], Inferno[Math.Min((int)position + 1, Inferno.Length - 1)], position - (int)position);
    }

    private static (byte R, byte G, byte B) Mix((byte R, byte G, byte B) a, (byte R, byte G, byte B) b, double share)
    {
        byte One(byte x, byte y) => (byte)Math.Round(x + (y - x) * share);
        return (One(a.R, b.R), One(a.G, b.G), One(a.B, b.B));
    }
}
