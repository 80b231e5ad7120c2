using System.Text.Json.Serialization;
using Credence.Inference.Metrics;
using Credence.Inference.Model;

namespace Credence.InferenceCli;

/// <summary>What <c>evaluate</c> writes as <c>evaluation.json</c>. It holds no time, so the same folders give the same bytes.</summary>
/// <param name="Reference">Folder.</param>
/// <param name="Prediction">Folder.</param>
/// <param name="Settings">The rules.</param>
/// <param name="Bootstrap">How the intervals came about.</param>
/// <param name="Summary">Per metric over all cases; empty where every case failed.</param>
/// <param name="Cases">Per case, by name.</param>
/// <param name="Failures">Cases that could not be evaluated.</param>
/// <param name="WithoutReference">Predictions that nothing is there to compare with.</param>
internal sealed record EvaluationReport(
    string Reference, string Prediction, EvaluationSettings Settings, BootstrapSettings Bootstrap, IReadOnlyList<MetricSummary> Summary,
    IReadOnlyList<CaseReport> Cases, IReadOnlyList<CaseFailure> Failures, IReadOnlyList<string> WithoutReference)
{
    /// <summary>Version of this format.</summary>
    public int FormatVersion { get; init; } = 1;
}

/// <summary>The rules of an evaluation.</summary>
internal sealed record EvaluationSettings(
    IReadOnlyList<ClassDescription> Classes, EmptyCasePolicy EmptyCases, MatchingRule Matching, int Connectivity, double LesionThreshold,
    double SurfaceToleranceMm, double NeighbourhoodRadiusMm, IReadOnlyList<double> LesionSizesMm3, int CalibrationBins)
{
    public static EvaluationSettings Of(EvaluationOptions options) => new(
        options.Classes ?? [], options.EmptyCases, options.Lesions.Matching, (int)options.Lesions.Connectivity, options.Lesions.Threshold,
        options.SurfaceTolerance, options.NeighbourhoodRadius, options.LesionSizes, options.CalibrationBins);
}

/// <summary>The bootstrap over cases.</summary>
internal sealed record BootstrapSettings(string Method, int Resamples, int Seed, double Level);

/// <summary>A case that could not be evaluated.</summary>
internal sealed record CaseFailure(string Case, string Message);

/// <summary>One case.</summary>
/// <param name="Case">Name.</param>
/// <param name="Values">Null is undefined.</param>
/// <param name="EmptyValues">Names that the policy for empty cases decided.</param>
/// <param name="Classes">Lesions, diagrams and curves.</param>
internal sealed record CaseReport(
    string Case, IReadOnlyDictionary<string, double?> Values, IReadOnlyList<string> EmptyValues, IReadOnlyList<ClassDetails> Classes)
{
    public static CaseReport Of(CaseEvaluation evaluation) => new(
        evaluation.Case, evaluation.Values, [.. evaluation.EmptyValues], [.. evaluation.Classes.Select(ClassDetails.Of)]);
}

/// <summary>What a plot of one class of one case needs.</summary>
internal sealed record ClassDetails(
    string Class, IReadOnlyList<PredictedLesion> PredictedLesions, IReadOnlyList<ReferenceLesion> ReferenceLesions,
    IReadOnlyList<ReliabilityBin>? Reliability, IReadOnlyList<ReliabilityBin>? ReliabilityEqualMass,
    IReadOnlyList<ReliabilityBin>? ReliabilityNear, IReadOnlyList<ReliabilityBin>? ReliabilityNearEqualMass,
    IReadOnlyList<double>? VoxelRetention, IReadOnlyList<double>? LesionRetention)
{
    public static ClassDetails Of(ClassEvaluation evaluation) => new(
        evaluation.Class.Name, evaluation.Lesions.Predicted, evaluation.Lesions.Reference,
        Filled(evaluation.Calibration?.EqualWidth), Filled(evaluation.Calibration?.EqualMass),
        Filled(evaluation.NeighbourhoodCalibration?.EqualWidth), Filled(evaluation.NeighbourhoodCalibration?.EqualMass),
        evaluation.VoxelRetention?.Scores, evaluation.LesionRetention?.Scores);

    /// <summary>Bins with voxels: JSON has no word for the mean of none.</summary>
    private static List<ReliabilityBin>? Filled(ReliabilityDiagram? diagram) => diagram?.Bins.Where(b => b.Count > 0).ToList();
}

[JsonSerializable(typeof(EvaluationReport))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class EvaluationJson : JsonSerializerContext;
