using System.Security.Cryptography;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Planning;

/// <summary>Measures what the scans of a data set look like, one case at a time.</summary>
/// <remarks>Source of the figures: Isensee et al. 2021, nnU-Net, supplementary note 2 ("dataset fingerprint").</remarks>
internal sealed class FingerprintBuilder(Dataset dataset)
{
    private const double Air = 0.15;
    private const int MostNamed = 5;

    private readonly SortedDictionary<string, Measures> cases = new(StringComparer.Ordinal);

    /// <summary>Foreground volume of each case, mL.</summary>
    public IReadOnlyDictionary<string, double> LesionVolumes => cases.ToDictionary(c => c.Key, c => c.Value.LesionVolume);

    /// <summary>SHA-256 over the voxels of each case's channels; lower-case hexadecimal.</summary>
    public IReadOnlyDictionary<string, string> ScanHashes => cases.ToDictionary(c => c.Key, c => Convert.ToHexStringLower(c.Value.ScanHash));

    /// <summary>SHA-256 over the content hashes of all cases, in the order of their ids; lower-case hexadecimal.</summary>
    public string DataHash
    {
        get
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var @case in cases.Values)
            {
                hash.AppendData(@case.ContentHash);
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
    }

    /// <summary>What a user should know of cases that look like parts of one scan and count as several patients; null when there are none.</summary>
    /// <remarks>A step that more than three patients share is that of a format or a protocol. Hippocampus set of the Medical Segmentation Decathlon: docs/explanation/hippocampus.md.</remarks>
    public string? PatientConcern
    {
        get
        {
            var marked = cases.Where(c => c.Value.IntensityStep is not null).Select(c => (Id: c.Key, Patient: dataset.Patients[c.Key], Step: c.Value.IntensityStep!.Value)).OrderBy(c => c.Step).ToList();
            var groups = new List<List<(string Id, string Patient, double Step)>>();
            foreach (var @case in marked)
            {
                if (groups.Count > 0 && @case.Step - groups[^1][^1].Step <= IntensityStep.Tolerance * @case.Step)
                {
                    groups[^1].Add(@case);
                }
                else
                {
                    groups.Add([@case]);
                }
            }

            var all = cases.Keys.Select(id => dataset.Patients[id]).Distinct(StringComparer.Ordinal).Count();
            List<string> suspects =
            [
                .. groups.Where(g => g.Select(c => c.Patient).Distinct(StringComparer.Ordinal).Count() is (2 or 3) and var patients && patients < all)
                    .Select(g => string.Join(" and ", g.Select(c => c.Id).Order(StringComparer.Ordinal))).Order(StringComparer.Ordinal),
            ];
            return suspects.Count == 0 ? null
                : $"the intensities of {string.Join(", of ", suspects.Take(MostNamed))}{(suspects.Count > MostNamed ? $", and of {suspects.Count - MostNamed} more groups of cases" : "")} have one step, as those of parts of one scan do. "
                    + $"Where they are of one patient, say so under \"patients\" in {Dataset.DescriptionFile}, or training and validation share that patient.";
        }
    }

    /// <summary>Adds one case.</summary>
    /// <exception cref="DatasetException">The same scan was already added under another id: that would leak from training into validation. One patient may have a scan twice, with two masks.</exception>
    public void Add(LoadedCase @case)
    {
        foreach (var (id, twin) in cases.Where(c => c.Value.ScanHash.AsSpan().SequenceEqual(@case.ScanHash)))
        {
            var isSameMask = twin.ContentHash.AsSpan().SequenceEqual(@case.ContentHash);
            if (isSameMask || dataset.Patients[id] != dataset.Patients[@case.Id])
            {
                throw new DatasetException(dataset.Folder, $"cases {id} and {@case.Id} hold the same scan{(isSameMask ? " and mask" : "")}", "every case once",
                    $"Remove one of them, or training and validation would share it{(isSameMask ? "" : $"; where two masks of a scan are meant, give both cases one patient in {Dataset.DescriptionFile}")}.");
            }
        }

        var geometry = Orientation.ToCanonical(@case.Channels[0].Geometry);
        List<Volume> canonical = [.. @case.Channels.Select(Orientation.ToCanonical)];
        var box = Preprocessing.Box(canonical, IntensityRules.PossibleCrop(dataset.Channels));
        var mask = Orientation.ToCanonical(@case.Mask);
        var classVoxels = Count(mask, VoxelBox.Whole(geometry.Size));
        List<ChannelFingerprint> channels = [.. @case.Channels.Select(c => Measure(c.Voxels, @case.Mask))];
        cases.Add(@case.Id, new(
            @case.ContentHash, @case.ScanHash, geometry.Spacing, geometry.Size, box.Size, channels, classVoxels, Count(mask, box),
            classVoxels.Skip(1).Sum() * geometry.VoxelVolume / 1000, canonical.Zip(channels).Min(c => SurroundingAirOf(c.First, c.Second.Percentile995)), IntensityStep.Of(@case.Channels[0].Voxels)));
    }

    /// <summary>The figures over the cases added.</summary>
    /// <param name="ids">Only these; null takes all.</param>
    public TrainingFingerprint Build(IReadOnlyCollection<string>? ids = null)
    {
        var measures = cases.Where(c => ids?.Contains(c.Key) ?? true).Select(c => c.Value).ToList();
        var median = Reduce(measures.Select(m => m.Spacing), Median);
        var labelled = measures.Where(m => m.LesionVolume > 0).ToList();
        var fingerprint = new TrainingFingerprint
        {
            Cases = measures.Count,
            SpacingMinimum = Reduce(measures.Select(m => m.Spacing), v => v.Min()),
            SpacingMedian = median,
            SpacingMaximum = Reduce(measures.Select(m => m.Spacing), v => v.Max()),
            SizeMedian = new(0, 0, 0),
            Channels =
            [
                .. dataset.Channels.Select((_, n) => (All: measures.Select(m => m.Channels[n]).ToList(), Labelled: labelled.Select(m => m.Channels[n]).ToList())).Select(c => new ChannelFingerprint(
                    Median(c.All.Select(m => m.Percentile005)), Median(c.All.Select(m => m.Median)), Median(c.All.Select(m => m.Percentile995)),
                    Median(c.All.Select(m => m.Mean)), Median(c.All.Select(m => m.StandardDeviation)), Median(c.All.Select(m => m.NonZeroFraction)))
                {
                    Maximum = Median(c.All.Select(m => m.Maximum)),
                    LabelledPercentile005 = Median(c.Labelled.Select(m => m.LabelledPercentile005).DefaultIfEmpty(0)),
                    LabelledPercentile995 = Median(c.Labelled.Select(m => m.LabelledPercentile995).DefaultIfEmpty(0)),
                    Ranges = ChannelRanges.Of([.. c.All.Select(m => new ChannelMeasurement(m.Percentile005, m.Median, m.Percentile995, m.NonZeroFraction))]),
                }),
            ],
            ClassFractions = [],
        };
        var isCropped = IntensityRules.Crop(dataset.Channels, fingerprint).Crop != Region.Whole;
        var seen = measures.Select(m => isCropped ? m.CroppedClassVoxels : m.ClassVoxels).ToList();
        var size = Reduce(measures.Select(m => (m.Spacing, Size: isCropped ? m.Cropped : m.Size)).Select(m => new Vector3D(
            m.Size.Width * m.Spacing.X / median.X, m.Size.Height * m.Spacing.Y / median.Y, m.Size.Depth * m.Spacing.Z / median.Z)), Median);
        return fingerprint with
        {
            SizeMedian = new((int)Math.Round(size.X), (int)Math.Round(size.Y), (int)Math.Round(size.Z)),
            ClassFractions = [.. dataset.Classes.Select((_, n) => seen.Sum(c => c[n]) / (double)seen.Sum(c => c.Sum()))],
        };
    }

    /// <summary>Share of the voxels on the left, right, front and back faces of a scan that are as dark as air (less than 15 % of its 99.5th percentile), in the channel that has least; the median over the cases.</summary>
    /// <param name="ids">Only these; null takes all.</param>
    public double SurroundingAir(IReadOnlyCollection<string>? ids = null) => Median(cases.Where(c => ids?.Contains(c.Key) ?? true).Select(c => c.Value.SurroundingAir));

    /// <summary>Voxels of each class in a part of a mask.</summary>
    private long[] Count(LabelMap mask, VoxelBox part)
    {
        var (counts, size) = (new long[256], mask.Geometry.Size);
        for (var k = part.K; k < part.K + part.Size.Depth; k++)
        {
            for (var j = part.J; j < part.J + part.Size.Height; j++)
            {
                foreach (var label in mask.Labels.AsSpan((k * size.Height + j) * size.Width + part.I, part.Size.Width))
                {
                    counts[label]++;
                }
            }
        }

        return [.. dataset.Classes.Select(c => counts[c.Label])];
    }

    private static ChannelFingerprint Measure(float[] voxels, LabelMap mask)
    {
        var mean = voxels.Average(v => (double)v);
        var variance = voxels.Average(v => (v - mean) * (v - mean));
        var measured = ChannelMeasurement.Of(voxels);
        return new(measured.Percentile005, measured.Median, measured.Percentile995, mean, Math.Sqrt(variance), measured.NonZeroFraction)
        {
            Maximum = voxels.Max(),
            LabelledPercentile005 = Percentile.Of(voxels, mask, 0.5),
            LabelledPercentile995 = Percentile.Of(voxels, mask, 99.5),
        };
    }

    private static double SurroundingAirOf(Volume canonical, double percentile995)
    {
        var (width, height) = (canonical.Geometry.Size.Width, canonical.Geometry.Size.Height);
        var (sides, dark) = (0L, 0L);
        for (var v = 0; v < canonical.Voxels.Length; v++)
        {
            var (i, j) = (v % width, v / width % height);
            if (i == 0 || i == width - 1 || j == 0 || j == height - 1)
            {
                sides++;
                dark += canonical.Voxels[v] < Air * percentile995 ? 1 : 0;
            }
        }

        return (double)dark / sides;
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

    private sealed record Measures(
        byte[] ContentHash, byte[] ScanHash, Vector3D Spacing, Size3 Size, Size3 Cropped, IReadOnlyList<ChannelFingerprint> Channels, long[] ClassVoxels, long[] CroppedClassVoxels, double LesionVolume, double SurroundingAir, double? IntensityStep);
}
