using System.Text.Json;
using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer.Evaluation;

/// <summary>One network of a cross-validation, judged on the cases of its fold.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Fold">Its fold.</param>
/// <param name="Cases">The cases that it has not trained on.</param>
internal sealed record FoldResult(ulong Seed, int Fold, IReadOnlyList<CaseResult> Cases);

/// <summary>One metric of a cross-validation.</summary>
/// <param name="Summary">Over patients, each case averaged over the seeds first.</param>
/// <param name="Variance">How the variance of the single values splits; null where there are too few.</param>
/// <param name="Values">Single values: cases times the seeds that judged them.</param>
/// <param name="UndefinedValues">How many of them are undefined, and in none of the figures; a case is averaged over the seeds that have a value.</param>
internal sealed record CrossValidatedMetric(PatientSummary Summary, VarianceComponents? Variance, int Values, int UndefinedValues)
{
    /// <summary>Undefined values, for tables: <c>3 of 40</c>, or 0.</summary>
    internal string Undefined => UndefinedValues == 0 ? "0" : $"{UndefinedValues} of {Values}";
}

/// <summary>What a cross-validation found; kept as <c>cross-validation.json</c>.</summary>
internal sealed record CrossValidationReport
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "cross-validation.json";

    /// <summary>Program and version.</summary>
    public required string Program { get; init; }

    /// <summary>What all networks share.</summary>
    public required CrossValidationSettings Settings { get; init; }

    /// <summary>The rules of the metrics; null in reports that did not record them.</summary>
    public EvaluationOptions? Rules { get; init; }

    /// <summary>How often the test set had been looked at; empty in reports that did not record it.</summary>
    public string TestSet { get; init; } = "";

    /// <summary>Seeds.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>Per metric.</summary>
    public required IReadOnlyList<CrossValidatedMetric> Metrics { get; init; }

    /// <summary>Metrics without a value in any case.</summary>
    public IReadOnlyList<string> UndefinedMetrics { get; init; } = [];

    /// <summary>Per network.</summary>
    public required IReadOnlyList<FoldResult> Results { get; init; }

    /// <summary>Gathers the networks.</summary>
    public static CrossValidationReport Create(CrossValidationSettings settings, EvaluationOptions? rules, IReadOnlyList<FoldResult> results)
    {
        var cases = AverageOverSeeds(results);
        CrossValidatedMetric Metric(PatientSummary summary)
        {
            var (observations, values) = (Observations(summary.Metric, results), results.Sum(r => r.Cases.Count));
            return new(summary, VarianceComponents.Estimate(observations), values, values - observations.Count);
        }

        List<CrossValidatedMetric> metrics = [.. PatientSummary.Of(cases).Select(Metric)];
        return new()
        {
            Program = RunEvaluation.Program,
            Settings = settings,
            Rules = rules,
            Seeds = [.. results.Select(r => r.Seed).Distinct()],
            Metrics = metrics,
            UndefinedMetrics = [.. cases.SelectMany(c => c.Values.Keys).Distinct().Except(metrics.Select(m => m.Summary.Metric))],
            Results = results,
        };
    }

    /// <summary>One result a case: each metric averaged over the seeds that have it.</summary>
    public static IReadOnlyList<CaseResult> AverageOverSeeds(IReadOnlyList<FoldResult> results) =>
    [
        .. results.SelectMany(r => r.Cases).GroupBy(c => c.Id).OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => new CaseResult(
            c.Key, c.First().Patient, c.SelectMany(r => r.Values).GroupBy(v => v.Key, v => v.Value).ToDictionary(v => v.Key, v => v.Average())) { ContentHash = c.First().ContentHash }),
    ];

    /// <summary>Writes the report into a folder.</summary>
    public void Write(string folder) => OutputFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, TrainerJson.Indented) + "\n");

    /// <summary>Reads the report of a folder.</summary>
    /// <exception cref="DatasetException">There is none, or it cannot be read.</exception>
    public static CrossValidationReport Read(string folder) =>
        TrainerJson.Read<CrossValidationReport>(Path.Combine(folder, FileName), "report", "what `credence-train cross-validate` writes when all networks are done", "Run cross-validate to its end.");

    private static IReadOnlyList<Observation> Observations(string metric, IReadOnlyList<FoldResult> results) =>
    [
        .. results.SelectMany(r => r.Cases.Select(c => (r.Seed, r.Fold, c.Id, Value: c.Value(metric)))).Where(o => o.Value is not null)
            .Select(o => new Observation($"{o.Seed}", o.Fold, o.Id, o.Value!.Value)),
    ];
}
