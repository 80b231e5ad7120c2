using System.Text.Json;
using System.Text.Json.Serialization;

namespace Credence.Inference.Model;

/// <summary>A calibration tuned on out-of-fold predictions, with what it is worth; kept as <c>calibration.json</c>.</summary>
internal sealed record TunedCalibration
{
    /// <summary>SHA-256 over the training volumes and masks: a model of other data is not calibrated by this file.</summary>
    public required string DataHash { get; init; }

    /// <summary>The classes, background first.</summary>
    public required IReadOnlyList<ClassDescription> Classes { get; init; }

    /// <summary>What was found.</summary>
    public required CalibrationDescription Calibration { get; init; }

    /// <summary>What was made as large as possible: its mean over cases and seeds.</summary>
    public required string Objective { get; init; }

    /// <summary>The objective at the calibration that was found, on the cases that it was found on: too good.</summary>
    public required double Apparent { get; init; }

    /// <summary>The objective on each fold with the calibration found on the other folds: honest about the tuning.</summary>
    public required double Nested { get; init; }

    /// <summary>Apparent less nested: what tuning pretends to gain.</summary>
    public required double Optimism { get; init; }

    /// <summary>The objective with threshold 0.5 and no minimum size.</summary>
    public required double Untuned { get; init; }

    /// <summary>What each fold would have chosen for the others to use.</summary>
    public required IReadOnlyList<FoldCalibration> WithoutFold { get; init; }

    /// <summary>Thresholds tried.</summary>
    public required IReadOnlyList<double> Thresholds { get; init; }

    /// <summary>Every whole minimum lesion size from 1 to this was tried.</summary>
    public required int LargestMinimum { get; init; }

    /// <summary>How the temperature came about, in words.</summary>
    public required string TemperatureRule { get; init; }

    /// <summary>Networks whose mean it is tuned for; null, as in files of earlier builds, for single ones.</summary>
    public int? Members { get; init; }

    /// <summary>The fold whose cases were left out, so that its network can be judged on them with this calibration; null for none.</summary>
    public int? LeftOut { get; init; }

    /// <summary>What the volume intervals are worth; null where they were not fitted.</summary>
    public TunedVolumeIntervals? VolumeIntervals { get; init; }

    /// <summary>Share of the cases, for each foreground class, whose mean entropy exceeds the limit of the other folds; null where they have too few patients, and for an ensemble or where predictions were not made again.</summary>
    public IReadOnlyList<double?>? MeanEntropyExceeded { get; init; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="ModelFileException">It is missing or damaged.</exception>
    public static TunedCalibration Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), CalibrationJson.Default.TunedCalibration) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new ModelFileException(path, $"no readable calibration ({e.Message})", "what `credence-train tune` writes", "Tune again.", e);
        }
    }

    /// <summary>The calibration, for a model that it was tuned for.</summary>
    /// <param name="path">The file, for the error.</param>
    /// <param name="manifest">The model.</param>
    /// <exception cref="ModelFileException">The model has other classes or was trained on other data.</exception>
    public CalibrationDescription For(string path, ModelManifest manifest)
    {
        static string Names(IEnumerable<ClassDescription> classes) => string.Join(", ", classes.Select(c => $"{c.Label} {c.Name}"));
        if (!Classes.SequenceEqual(manifest.Classes))
        {
            throw new ModelFileException(path, $"a calibration for classes {Names(Classes)}", Names(manifest.Classes), "Tune on a cross-validation of the same task.");
        }

        return DataHash == manifest.Provenance.DataHash
            ? Calibration
            : throw new ModelFileException(path, $"a calibration tuned on data {Short(DataHash)}", $"data {Short(manifest.Provenance.DataHash)}, on which the model was trained",
                "Cross-validate and tune on the data of the model.");
    }

    private static string Short(string hash) => hash[..Math.Min(16, hash.Length)];
}

/// <summary>How often intervals of the volume hold the true one, before and after they were widened.</summary>
/// <param name="Cases">Cases that they were fitted on.</param>
/// <param name="OfSamples">Share of the cases, for each foreground class, whose true volume lies between the percentiles of the samples.</param>
/// <param name="Widened">The same of intervals widened by the factor that was found on the other folds; null where they have too few cases.</param>
/// <param name="Ratio">Upper end over lower end of these, each raised by one voxel: geometric mean over the cases; null as before. Of two that hold equally often, the smaller one says more.</param>
internal sealed record TunedVolumeIntervals(int Cases, IReadOnlyList<double> OfSamples, IReadOnlyList<double>? Widened, IReadOnlyList<double>? Ratio);

/// <summary>The calibration found without one fold.</summary>
/// <param name="Fold">The fold that was left out.</param>
/// <param name="Threshold">Found on the others.</param>
/// <param name="MinimumLesionVoxels">Found on the others.</param>
/// <param name="Objective">On the fold.</param>
internal sealed record FoldCalibration(int Fold, double Threshold, int MinimumLesionVoxels, double Objective);

/// <summary>Source-generated JSON of the calibration (no reflection, for NativeAOT).</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TunedCalibration))]
internal sealed partial class CalibrationJson : JsonSerializerContext;
