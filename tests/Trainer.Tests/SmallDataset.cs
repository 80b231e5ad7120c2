using System.Text.Json;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.Trainer.Tests;

/// <summary>A folder of tiny cases, in either layout: a bright block on noise.</summary>
internal sealed class SmallDataset : IDisposable
{
    public static readonly VolumeGeometry Grid = new(new(16, 20, 12), Affine.Scaling(new(1, 1, 2)) with { Origin = new(-8, 4, 30) });

    private readonly TemporaryFolder folder = new();

    public string Path => folder.Path;

    public static SmallDataset Decathlon(int cases = 5, int channels = 1)
    {
        var data = new SmallDataset();
        Directory.CreateDirectory(data.File("imagesTr"));
        Directory.CreateDirectory(data.File("labelsTr"));
        for (var n = 0; n < cases; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                NiftiFile.Write(data.File(channels == 1 ? $"imagesTr/case{n}.nii.gz" : $"imagesTr/case{n}_{c:D4}.nii.gz"), Scan(n, c));
            }

            NiftiFile.Write(data.File($"labelsTr/case{n}.nii.gz"), Mask(n));
        }

        data.Describe(new
        {
            name = "Blocks",
            channel_names = Enumerable.Range(0, channels).ToDictionary(c => $"{c}", c => $"channel{c}"),
            labels = new Dictionary<string, int> { ["background"] = 0, ["lesion"] = 1 },
            file_ending = ".nii.gz",
        });
        return data;
    }

    /// <summary>One folder a case with a NIfTI channel, a DICOM channel and a mask, without a description.</summary>
    public static SmallDataset ScanFolders(int cases = 5)
    {
        var data = new SmallDataset();
        for (var n = 0; n < cases; n++)
        {
            Directory.CreateDirectory(data.File($"patient{n}"));
            NiftiFile.Write(data.File($"patient{n}/t1.nii.gz"), Scan(n, 0));
            DicomSeriesWriter.Write(data.File($"patient{n}/flair"), Scan(n, 1), new() { UidSeed = $"{n}", Patient = $"{n}", Description = "FLAIR" });
            NiftiFile.Write(data.File($"patient{n}/lesion_mask.nii.gz"), Mask(n));
        }

        return data;
    }

    public static Volume Scan(int seed, int channel, VolumeGeometry? grid = null)
    {
        var random = new Random(100 * seed + channel);
        var mask = Mask(seed).Labels;
        return new(grid ?? Grid, [.. mask.Select(l => (float)Math.Round(400 + 60 * random.NextDouble() + 300 * l))]);
    }

    public static LabelMap Mask(int seed)
    {
        var labels = new byte[Grid.Size.Count];
        for (var v = 0; v < labels.Length; v++)
        {
            var (i, j, k) = Grid.IndexOf(v);
            labels[v] = (byte)(i is > 4 and < 10 && j > 6 + seed && j < 12 + seed && k is > 3 and < 9 ? 1 : 0);
        }

        return new(Grid, labels);
    }

    public string File(string name) => folder.File(name);

    public void Describe(object description) => System.IO.File.WriteAllText(File("dataset.json"), JsonSerializer.Serialize(description));

    public void Dispose() => folder.Dispose();
}
