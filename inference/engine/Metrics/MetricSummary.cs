namespace Credence.Inference.Metrics;

/// <summary>One metric over the cases of a cohort.</summary>
/// <param name="Name">As in <see cref="CaseEvaluation.Values"/>.</param>
/// <param name="Cases">Cases with a value.</param>
/// <param name="Undefined">Cases without: not in any of the figures.</param>
/// <param name="EmptyCases">Cases whose value, or lack of one, comes from the policy.</param>
/// <param name="Policy">The policy for empty cases.</param>
/// <param name="Mean">Null without a value.</param>
/// <param name="Median">Null without a value.</param>
/// <param name="StandardDeviation">Of the cases, with n - 1; null for fewer than two values.</param>
/// <param name="Low">Lower end of the 95 % interval of the mean (bootstrap, BCa); null for fewer than two values.</param>
/// <param name="High">Upper end; null for fewer than two values.</param>
internal sealed record MetricSummary(
    string Name, int Cases, int Undefined, int EmptyCases, EmptyCasePolicy Policy,
    double? Mean, double? Median, double? StandardDeviation, double? Low, double? High);
