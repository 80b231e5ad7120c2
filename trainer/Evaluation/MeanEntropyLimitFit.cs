using Credence.Inference.Model;

namespace Credence.Trainer.Evaluation;

/// <summary>Finds what the mean entropy of a segmentation stays below in 95 % of the cases that a network has not seen, and how often it exceeds a limit that was found on others.</summary>
/// <param name="cases">Every case once a network.</param>
internal sealed class MeanEntropyLimitFit(IReadOnlyList<OutOfFoldSamples> cases)
{
    private readonly List<int> classes = [.. Enumerable.Range(0, cases[0].MeanEntropies.Count)];

    /// <summary>The limits.</summary>
    /// <returns>Null where all classes have too few patients.</returns>
    public MeanEntropyLimit? Fit()
    {
        List<double?> limits = [.. classes.Select(k => Limit(cases, k))];
        return limits.Any(l => l is not null) ? new() { Samples = cases.Min(c => c.Samples), Limits = limits } : null;
    }

    /// <summary>Share of the cases with a segmentation, for each class, above the limit of the other folds; null where these have too few patients.</summary>
    public IReadOnlyList<double?> Exceeded() =>
    [
        .. classes.Select(k =>
        {
            var others = cases.Select(c => c.Fold).Distinct().ToDictionary(fold => fold, fold => Limit([.. cases.Where(c => c.Fold != fold)], k));
            return others.ContainsValue(null) ? null : cases.Where(c => c.MeanEntropies[k] is not null).Average(c => c.MeanEntropies[k] > others[c.Fold] ? 1.0 : (double?)0);
        }),
    ];

    private static double? Limit(IReadOnlyList<OutOfFoldSamples> among, int k) => OutOfFoldSamples.Limit(among, c => c.MeanEntropies[k]);
}
