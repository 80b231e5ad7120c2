using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.Inference;

namespace Credence.InferenceCli.Batch;

/// <summary>What became of a case: a line of <c>cases.jsonl</c>, and <c>case.json</c> in the folder of a case that is done.</summary>
internal sealed record CaseRecord
{
    /// <summary>Name of the case and of its folder in the output.</summary>
    public required string Case { get; init; }

    /// <summary>What became of it.</summary>
    public required CaseStatus Status { get; init; }

    /// <summary>The scans, in the order of the channels; empty where they could not be told.</summary>
    public required IReadOnlyList<CaseScan> Inputs { get; init; }

    /// <summary>What went wrong; absent where nothing did.</summary>
    public string? Error { get; init; }

    /// <summary>SHA-256 over names, sizes and times of the input files.</summary>
    public string? InputStamp { get; init; }

    /// <summary>SHA-256 over the bytes of the input files.</summary>
    public string? InputSha256 { get; init; }

    /// <summary>SHA-256 of the model file.</summary>
    public string? ModelSha256 { get; init; }

    /// <summary>SHA-256 of the options that change results.</summary>
    public string? OptionsSha256 { get; init; }

    /// <summary>What speaks against trusting the result; absent where nothing does.</summary>
    public IReadOnlyList<string>? Warnings { get; init; }

    /// <summary>Monte Carlo samples that were drawn.</summary>
    public int? Samples { get; init; }

    /// <summary>Why no more were drawn.</summary>
    public StopReason? StoppedBy { get; init; }

    /// <summary>Volume, lesions and uncertainty by foreground class.</summary>
    public IReadOnlyList<CaseClass>? Classes { get; init; }

    /// <summary>Seconds for reading and predicting.</summary>
    public double? Seconds { get; init; }

    /// <summary>Where its DICOM results were stored; absent where they were not.</summary>
    public CaseStore? Stored { get; init; }

    /// <summary>When it was done, UTC, ISO 8601.</summary>
    public string? FinishedAt { get; init; }

    /// <summary>One line of JSON.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, CaseJson.Default.CaseRecord);
}

/// <summary>What became of a case.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CaseStatus>))]
internal enum CaseStatus
{
    /// <summary>Its scans are chosen; nothing was run.</summary>
    [JsonStringEnumMemberName("selected")]
    Selected,

    /// <summary>Predicted in this run.</summary>
    [JsonStringEnumMemberName("done")]
    Done,

    /// <summary>Predicted before, from the same input with the same model and options.</summary>
    [JsonStringEnumMemberName("unchanged")]
    Unchanged,

    /// <summary>Not predicted; the error says why.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}

/// <summary>The scan of a channel.</summary>
/// <param name="Channel">Name in the manifest.</param>
/// <param name="Path">File, or folder of the series.</param>
/// <param name="SeriesUid">SeriesInstanceUID; absent for NIfTI.</param>
/// <param name="Description">SeriesDescription; absent for NIfTI.</param>
/// <param name="Files">Number of files.</param>
internal sealed record CaseScan(string Channel, string Path, string? SeriesUid, string? Description, int Files)
{
    public static IReadOnlyList<CaseScan> Of(BatchCase @case, ChannelRules rules) =>
        [.. @case.Scans.Zip(rules.All, (scan, rule) => new CaseScan(rule.Channel, scan.Path, scan.Series?.Uid, scan.Series?.Description, scan.Files.Count))];
}

/// <summary>DICOM results in a PACS.</summary>
/// <param name="Url">DICOMweb service.</param>
/// <param name="Instances">SOPInstanceUIDs.</param>
internal sealed record CaseStore(string Url, IReadOnlyList<string> Instances);

/// <summary>Result of a foreground class.</summary>
internal sealed record CaseClass
{
    /// <summary>Of the class.</summary>
    public required string Name { get; init; }

    /// <summary>mL of the segmentation.</summary>
    public required double Volume { get; init; }

    /// <summary>2.5th and 97.5th percentile over the samples, mL; absent for fewer than two samples.</summary>
    public IReadOnlyList<double>? Interval { get; init; }

    /// <summary>Holds the true volume in 95 % of cases like those that the model was calibrated on, mL; absent where the model carries no such calibration, or fewer samples were drawn than it holds for.</summary>
    public IReadOnlyList<double>? VolumeInterval { get; init; }

    /// <summary>Lesions of the segmentation.</summary>
    public required int Lesions { get; init; }

    /// <summary>2.5th and 97.5th percentile over the samples of the number of lesions; absent for fewer than two samples.</summary>
    public IReadOnlyList<double>? LesionInterval { get; init; }

    /// <summary>1 - mean over the samples of the IoU with the segmentation; absent for fewer than two samples.</summary>
    public double? StructuralUncertainty { get; init; }

    /// <summary>Volume and interval in words; one that only says what the samples differ by is called so.</summary>
    /// <param name="millilitres">Writes a volume.</param>
    public string Describe(Func<double, string> millilitres) => millilitres(Volume) + (VolumeInterval ?? Interval) switch
    {
        [var low, var high] => $" ({(VolumeInterval is null ? "samples " : "")}{millilitres(low)} to {millilitres(high)})",
        _ => "",
    };

    public static CaseClass Of(ClassReport report) => new()
    {
        Name = report.Name,
        Volume = report.Volume,
        Interval = report.SampleVolumeInterval,
        VolumeInterval = report.VolumeInterval,
        Lesions = report.Lesions,
        LesionInterval = report.SampleLesionInterval,
        StructuralUncertainty = report.StructuralUncertainty,
    };
}

[JsonSerializable(typeof(CaseRecord))]
[JsonSerializable(typeof(PredictOptions))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NewLine = "\n")]
internal sealed partial class CaseJson : JsonSerializerContext;
