using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.Inference.Lesions;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>What was run on what, with which result; written as <c>report.json</c>.</summary>
public sealed record PredictionReport
{
    /// <summary>Version of this format.</summary>
    public int FormatVersion { get; init; } = 1;

    /// <summary>Program and version.</summary>
    public required string Program { get; init; }

    /// <summary>When the prediction ended, UTC, ISO 8601.</summary>
    public required string CreatedAt { get; init; }

    /// <summary>Name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>SHA-256 of the model file.</summary>
    public required string ModelSha256 { get; init; }

    /// <summary>SHA-256 of the trusted public key that the model is signed with; null where no keys were given, and nothing checked.</summary>
    public string? ModelSigner { get; init; }

    /// <summary>What the model may be used for.</summary>
    public required string IntendedUse { get; init; }

    /// <summary>What the weights of the model are.</summary>
    public required PosteriorKind Posterior { get; init; }

    /// <summary>Networks in the model: 1 unless it is an ensemble.</summary>
    public required int Members { get; init; }

    /// <summary>What the network ran on.</summary>
    public required string Device { get; init; }

    /// <summary>What a reader should know first: where the scans differ from those that the model was trained on, and why it did not run on what was asked for.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>The scans, one a channel.</summary>
    public required IReadOnlyList<string> Inputs { get; init; }

    /// <summary>Voxels of the scan along i, j, k.</summary>
    public required Size3 Size { get; init; }

    /// <summary>Spacing of the scan, mm.</summary>
    public required Vector3D Spacing { get; init; }

    /// <summary>Orientation of the scan, such as LPS.</summary>
    public required string Orientation { get; init; }

    /// <summary>Monte Carlo samples; 1 for a plain network. Sample s is of member s mod <see cref="Members"/>.</summary>
    public required int Samples { get; init; }

    /// <summary>Mirrored copies of the case in each sample, the case itself among them; 1 without test-time flips.</summary>
    public required int Copies { get; init; }

    /// <summary>Seed of the weight samples.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Why no more samples were drawn.</summary>
    public required StopReason StoppedBy { get; init; }

    /// <summary>Patches of the sliding window that the network saw.</summary>
    public required int Patches { get; init; }

    /// <summary>Patches without tissue, which it did not see.</summary>
    public required int EmptyPatches { get; init; }

    /// <summary>What the samples shared.</summary>
    public required SharedWork Shared { get; init; }

    /// <summary>Per foreground class.</summary>
    public required IReadOnlyList<ClassReport> Classes { get; init; }

    /// <summary>The lesions, largest first.</summary>
    public required IReadOnlyList<Lesion> Lesions { get; init; }

    /// <summary>Seconds for reading the scans.</summary>
    public required double ReadSeconds { get; init; }

    /// <summary>Seconds for everything from preprocessing to the maps.</summary>
    public required double PredictSeconds { get; init; }

    internal static PredictionReport Create(
        ModelFile model, InferenceDevice device, IReadOnlyList<string> warnings, IReadOnlyList<string> inputs, PreparedVolume prepared, Prediction prediction, PredictOptions options,
        TimeSpan readTime, TimeSpan predictTime, DateTimeOffset now)
    {
        var (intervals, entropy) = (model.Manifest.Calibration.VolumeInterval, model.Manifest.Calibration.MeanEntropyLimit);
        var (intervalMismatch, entropyMismatch) = (Mismatch(intervals?.Samples, model.Manifest, prediction, options), Mismatch(entropy?.Samples, model.Manifest, prediction, options));
        List<ClassReport> classes = [.. model.Manifest.Classes.Skip(1).Select((c, n) => ClassReport.Create(c, prediction, n, prepared.Source.VoxelVolume, intervalMismatch is null ? intervals : null))];
        return new()
        {
            Program = $"Credence.Inference {typeof(PredictionReport).Assembly.GetName().Version?.ToString(3)}",
            CreatedAt = now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            Model = model.Manifest.Name,
            ModelSha256 = model.Sha256,
            ModelSigner = model.Signer,
            IntendedUse = model.Manifest.IntendedUse,
            Posterior = model.Manifest.Posterior,
            Members = model.Manifest.Members,
            Device = device.ToString(),
            Warnings =
            [
                .. warnings,
                .. entropy is null || entropyMismatch is not null ? [] : Unsure(classes, entropy),
                .. new[] { ("calibrated interval of the volume", intervalMismatch), ("comparison of the entropy", entropyMismatch) }
                    .Where(m => m.Item2 is not null).GroupBy(m => m.Item2, m => m.Item1).Select(m => $"No {string.Join(" and no ", m)}: {m.Key}"),
            ],
            Inputs = inputs,
            Size = prepared.Source.Size,
            Spacing = prepared.Source.Spacing,
            Orientation = MedicalIO.Orientation.Code(prepared.Source.Affine),
            Samples = prediction.Samples,
            Copies = prediction.Copies,
            Seed = options.Seed,
            StoppedBy = prediction.StoppedBy,
            Patches = prediction.Patches,
            EmptyPatches = prediction.EmptyPatches,
            Shared = prediction.Shared,
            Classes = classes,
            Lesions = prediction.Lesions.Lesions,
            ReadSeconds = readTime.TotalSeconds,
            PredictSeconds = predictTime.TotalSeconds,
        };
    }

    /// <summary>Why what was found on predictions of so many samples does not hold for this one; null where it does, or nothing was found.</summary>
    private static string? Mismatch(int? samples, ModelManifest manifest, Prediction prediction, PredictOptions options) => samples is null ? null
        : prediction.Samples < samples ? $"{prediction.Samples} sample{(prediction.Samples == 1 ? " was" : "s were")} drawn, and the calibration is for {samples}. Draw at least as many."
        : manifest.IsSampled && !SampleSchedule.Of(manifest, options.Samples).IsSampled ? "it is for samples, and only the mean of the posterior was run. Draw samples."
        : options.Flips != FlipAxes.None ? "it is for predictions without flips." : null;

    private static IEnumerable<string> Unsure(IReadOnlyList<ClassReport> classes, MeanEntropyLimit entropy) => classes.Zip(entropy.Limits).Where(c => c.First.MeanEntropy > c.Second).Select(c => string.Create(CultureInfo.InvariantCulture,
        $"Less sure of {c.First.Name} than usual: a mean entropy of {c.First.MeanEntropy:G3} nats, which stays at or below {c.Second:G3} in 95 % of cases like those of the training. Check the whole segmentation, and look for what it missed."));
}

/// <summary>Result of one foreground class.</summary>
/// <param name="Label">Value in the segmentation.</param>
/// <param name="Name">Such as lesion.</param>
/// <param name="Voxels">Voxels of the segmentation.</param>
/// <param name="Volume">mL of the segmentation.</param>
/// <param name="VolumeInterval">Holds the true volume, mL, in about 95 % of cases like those that the model was calibrated on: the interval over the samples, widened, with the volume of the segmentation; null where the model carries no such calibration, or predicted in another way than it is for, which a warning says.</param>
/// <param name="SampleMeanVolume">Mean over the samples, mL.</param>
/// <param name="SampleVolumeInterval">2.5th and 97.5th percentile over the samples, mL: what the samples differ by, no promise about the truth; null for fewer than two samples.</param>
/// <param name="SampleVolumeVariation">Standard deviation over the samples as a share of their mean; null for fewer than two samples, or where all are empty.</param>
/// <param name="Lesions">Lesions of the segmentation.</param>
/// <param name="SampleLesionInterval">2.5th and 97.5th percentile over the samples of the number of lesions; null for fewer than two samples.</param>
/// <param name="StructuralUncertainty">1 - mean over the samples of the IoU with the segmentation; null for fewer than two samples.</param>
/// <param name="MeanEntropy">Mean predictive entropy over the voxels of the segmentation, nats; null where there is none.</param>
/// <param name="MeanMutualInformation">Mean over the voxels of the segmentation, nats; null where there is none.</param>
public sealed record ClassReport(
    byte Label, string Name, long Voxels, double Volume, IReadOnlyList<double>? VolumeInterval, double SampleMeanVolume, IReadOnlyList<double>? SampleVolumeInterval, double? SampleVolumeVariation,
    int Lesions, IReadOnlyList<double>? SampleLesionInterval, double? StructuralUncertainty, double? MeanEntropy, double? MeanMutualInformation)
{
    internal static ClassReport Create(ClassDescription description, Prediction prediction, int index, double voxelVolume, VolumeIntervalCalibration? calibration)
    {
        var voxels = prediction.Segmentation.Labels.AsSpan().Count(description.Label);
        double[] volumes = [.. prediction.SampleVolumes[index].Order()];
        return new(
            description.Label, description.Name, voxels, voxels * voxelVolume / 1000, Calibrated(), volumes.Average(),
            Interval(volumes), Variation(volumes),
            prediction.Lesions.Lesions.Count(l => l.Label == description.Label), Interval([.. prediction.Lesions.SampleCounts[index].Select(n => (double)n).Order()]),
            prediction.Lesions.StructuralUncertainty[index],
            prediction.MeanOver(description.Label, prediction.PredictiveEntropy),
            prediction.MeanOver(description.Label, prediction.MutualInformation));

        double[]? Calibrated()
        {
            if (calibration is null)
            {
                return null;
            }

            var (low, high) = Sampling.VolumeInterval.OfSamples(volumes);
            (low, high) = Sampling.VolumeInterval.Widen(low, high, calibration.Factors[index], voxelVolume / 1000);
            var volume = voxels * voxelVolume / 1000;
            return [Math.Min(low, volume), Math.Max(high, volume)]; // small lesions are removed from the segmentation and not from samples
        }
    }

    private static double[]? Interval(double[] sorted)
    {
        var (low, high) = Sampling.VolumeInterval.OfSamples(sorted);
        return sorted.Length > 1 ? [low, high] : null;
    }

    private static double? Variation(double[] values)
    {
        var mean = values.Average();
        return values.Length > 1 && mean > 0 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)) / mean : null;
    }
}

/// <summary>Source-generated JSON of the report (no reflection, for NativeAOT).</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PredictionReport))]
[JsonSerializable(typeof(IReadOnlyList<Lesion>))]
internal sealed partial class ReportJson : JsonSerializerContext;
