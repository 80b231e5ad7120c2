using Credence.Inference.Statistics;

namespace Credence.Inference.Metrics;

/// <summary>Every metric over several cases.</summary>
/// <remarks>
/// Mean of the values of the cases, each case weighing the same, and a 95 % interval of that mean by the <see cref="Bootstrap"/> over cases. It says how much
/// the mean depends on which cases were drawn, nothing on how the network was trained. Cases without a value are left out of that metric and counted.
/// </remarks>
internal sealed record CohortSummary
{
    /// <summary>The rules that every case was measured by.</summary>
    public required EvaluationOptions Options { get; init; }

    /// <summary>Number of cases.</summary>
    public required int Cases { get; init; }

    /// <summary>Seed of the bootstrap.</summary>
    public required int Seed { get; init; }

    /// <summary>In the order in which the names are met.</summary>
    public required IReadOnlyList<MetricSummary> Metrics { get; init; }

    /// <summary>Summarises.</summary>
    /// <param name="cases">All measured by the same rules.</param>
    /// <param name="seed">Of the bootstrap: same seed, same intervals, metric by metric.</param>
    /// <exception cref="ArgumentException">No case, or cases measured by different rules.</exception>
    public static CohortSummary Create(IReadOnlyList<CaseEvaluation> cases, int seed = 0)
    {
        if (cases.Count == 0)
        {
            throw new ArgumentException("There is no case to summarise.", nameof(cases));
        }

        var options = cases[0].Options;
        if (cases.FirstOrDefault(c => !ReferenceEquals(c.Options, options) && c.Options != options) is { } other)
        {
            throw new ArgumentException($"Case {other.Case} was measured by other rules than {cases[0].Case}, so their values do not compare.", nameof(cases));
        }

        return new()
        {
            Options = options,
            Cases = cases.Count,
            Seed = seed,
            Metrics = [.. cases.SelectMany(c => c.Values.Keys).Distinct().Select(name => Summarise(name, cases, options.EmptyCases, seed))],
        };
    }

    private static MetricSummary Summarise(string name, IReadOnlyList<CaseEvaluation> cases, EmptyCasePolicy policy, int seed)
    {
        double[] values = [.. cases.Select(c => c.Values.GetValueOrDefault(name)).OfType<double>()];
        var empty = cases.Count(c => c.EmptyValues.Contains(name));
        if (values.Length == 0)
        {
            return new(name, 0, cases.Count, empty, policy, null, null, null, null, null);
        }

        var mean = values.Average();
        var sorted = values.Order().ToArray();
        var median = OrderStatistics.Percentile(sorted, 0.5);
        double? sigma = values.Length > 1 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)) : null;
        var interval = Bootstrap.OfMean(values, seed); // every metric starts from the seed anew, so that its interval does not depend on which others are there
        return new(name, values.Length, cases.Count - values.Length, empty, policy, mean, median, sigma, interval?.Low, interval?.High);
    }
}
