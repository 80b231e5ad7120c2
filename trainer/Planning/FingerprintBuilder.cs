using System.Security.Cryptography;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Planning;

/// <summary>Measures what the scans of a data set look like, one case at a time.</summary>
/// <remarks>Source of the figures: Isensee et al. 2021, nnU-Net, supplementary note 2 ("dataset fingerprint").</remarks>
public sealed class FingerprintBuilder(Dataset dataset)
{
    private readonly List<(Vector3D Spacing, Size3 Size, Size3 Cropped)> grids = [];
    private readonly List<ChannelFingerprint>[] channels = [.. dataset.Channels.Select(_ => new List<ChannelFingerprint>())];
    private readonly List<int> labelled = []; // cases whose mask is not empty
    private readonly long[] classVoxels = new long[dataset.Classes.Count];
    private readonly SortedDictionary<string, byte[]> hashes = new(StringComparer.Ordinal);

    /// <summary>SHA-256 over the content hashes of all cases, in the order of their ids; lower-case hexadecimal.</summary>
    public string DataHash
    {
        get
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var content in hashes.Values)
            {
                hash.AppendData(content);
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
    }

    /// <summary>Adds one case.</summary>
    /// <exception cref="DatasetException">The same voxels and mask were already added under another id: that would leak from training into validation.</exception>
    public void Add(LoadedCase @case)
    {
        if (hashes.FirstOrDefault(h => h.Value.AsSpan().SequenceEqual(@case.ContentHash)) is { Key: not null } twin)
        {
            throw new DatasetException(dataset.Folder, $"cases {twin.Key} and {@case.Id} hold the same voxels and mask", "every case once",
                "Remove one of them, or training and validation would share it.");
        }

        hashes.Add(@case.Id, @case.ContentHash);
        var geometry = Orientation.ToCanonical(@case.Channels[0].Geometry);
        var box = Preprocessing.Box([.. @case.Channels.Select(Orientation.ToCanonical)], IntensityRules.PossibleCrop(dataset.Channels));
        grids.Add((geometry.Spacing, geometry.Size, box.Size));
        for (var c = 0; c < channels.Length; c++)
        {
            channels[c].Add(Measure(@case.Channels[c].Voxels, @case.Mask));
        }

        if (@case.Mask.Labels.AsSpan().ContainsAnyExcept((byte)0))
        {
            labelled.Add(grids.Count - 1);
        }

        foreach (var label in @case.Mask.Labels)
        {
            classVoxels[IndexOf(label)]++;
        }
    }

    /// <summary>The figures over all cases added.</summary>
    public TrainingFingerprint Build()
    {
        var median = Reduce(grids.Select(g => g.Spacing), Median);
        var voxels = classVoxels.Sum();
        var fingerprint = new TrainingFingerprint
        {
            Cases = grids.Count,
            SpacingMinimum = Reduce(grids.Select(g => g.Spacing), v => v.Min()),
            SpacingMedian = median,
            SpacingMaximum = Reduce(grids.Select(g => g.Spacing), v => v.Max()),
            SizeMedian = new(0, 0, 0),
            Channels =
            [
                .. channels.Select(c => new ChannelFingerprint(
                    Median(c.Select(m => m.Percentile005)), Median(c.Select(m => m.Median)), Median(c.Select(m => m.Percentile995)),
                    Median(c.Select(m => m.Mean)), Median(c.Select(m => m.StandardDeviation)), Median(c.Select(m => m.NonZeroFraction)))
                {
                    Maximum = Median(c.Select(m => m.Maximum)),
                    LabelledPercentile005 = Median(labelled.Select(n => c[n].LabelledPercentile005).DefaultIfEmpty(0)),
                    LabelledPercentile995 = Median(labelled.Select(n => c[n].LabelledPercentile995).DefaultIfEmpty(0)),
                }),
            ],
            ClassFractions = [.. classVoxels.Select(n => (double)n / voxels)],
        };
        var isCropped = IntensityRules.Crop(dataset.Channels, fingerprint).Crop != Region.Whole;
        var size = Reduce(grids.Select(g => (g.Spacing, Size: isCropped ? g.Cropped : g.Size)).Select(g => new Vector3D(
            g.Size.Width * g.Spacing.X / median.X, g.Size.Height * g.Spacing.Y / median.Y, g.Size.Depth * g.Spacing.Z / median.Z)), Median);
        return fingerprint with { SizeMedian = new((int)Math.Round(size.X), (int)Math.Round(size.Y), (int)Math.Round(size.Z)) };
    }

    private int IndexOf(byte label)
    {
        for (var index = 0; index < dataset.Classes.Count; index++)
        {
            if (dataset.Classes[index].Label == label)
            {
                return index;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(label), label, "The case was not checked against the classes of the data set.");
    }

    private static ChannelFingerprint Measure(float[] voxels, LabelMap mask)
    {
        var mean = voxels.Average(v => (double)v);
        var variance = voxels.Average(v => (v - mean) * (v - mean));
        return new(Percentile.Of(voxels, null, 0.5), Percentile.Of(voxels, null, 50), Percentile.Of(voxels, null, 99.5), mean, Math.Sqrt(variance), voxels.Count(v => v != 0) / (double)voxels.Length)
        {
            Maximum = voxels.Max(),
            LabelledPercentile005 = Percentile.Of(voxels, mask, 0.5),
            LabelledPercentile995 = Percentile.Of(voxels, mask, 99.5),
        };
    }

    private static Vector3D Reduce(IEnumerable<Vector3D> vectors, Func<IEnumerable<double>, double> reduce)
    {
        var list = vectors.ToList();
        return new(reduce(list.Select(v => v.X)), reduce(list.Select(v => v.Y)), reduce(list.Select(v => v.Z)));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
