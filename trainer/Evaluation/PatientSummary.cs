using Credence.Inference.Statistics;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer.Evaluation;

/// <summary>One metric over all patients; a patient with several cases counts once, with their mean.</summary>
/// <param name="Metric">Name.</param>
/// <param name="Patients">Patients with a value.</param>
/// <param name="UndefinedCases">Cases without a value, which are in none of the figures.</param>
/// <param name="Mean">Mean over patients.</param>
/// <param name="StandardDeviation">Over patients; null for one.</param>
/// <param name="Interval">95 % interval of the mean over patients (bootstrap, BCa); null for one.</param>
internal sealed record PatientSummary(string Metric, int Patients, int UndefinedCases, double Mean, double? StandardDeviation, Interval? Interval)
{
    private const int Seed = 1;

    /// <summary>Summarises every metric that has a value.</summary>
    public static IReadOnlyList<PatientSummary> Of(IReadOnlyList<CaseResult> cases) =>
        [.. cases.SelectMany(c => c.Values.Keys).Distinct().Select(metric => Of(metric, cases)).OfType<PatientSummary>()];

    /// <summary>Summarises one metric.</summary>
    /// <returns>Null where no case has a value.</returns>
    public static PatientSummary? Of(string metric, IReadOnlyList<CaseResult> cases)
    {
        var values = cases.Select(c => (c.Patient, Value: c.Value(metric))).Where(c => c.Value is not null)
            .GroupBy(c => c.Patient, c => c.Value!.Value).OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => p.Average()).ToList();
        if (values.Count == 0)
        {
            return null;
        }

        var mean = values.Average();
        return new(
            metric, values.Count, cases.Count(c => c.Value(metric) is null), mean, values.Count > 1 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Count - 1)) : null, Bootstrap.OfMean(values, Seed));
    }
}
