using Credence.Inference.Model;
using Credence.Inference.Sampling;

namespace Credence.Trainer.Evaluation;

/// <summary>Finds the factors that widen the interval of volumes over the samples until it holds the truth, and what they are worth on cases that they were not found on, at the decision that was.</summary>
/// <param name="cases">Every case once a network.</param>
internal sealed class VolumeIntervalFit(IReadOnlyList<OutOfFoldSamples> cases)
{
    private readonly int classes = cases[0].Volumes.Count;

    /// <summary>The factors.</summary>
    /// <returns>Null where there are too few cases.</returns>
    public VolumeIntervalCalibration? Fit() => Factors(cases) is { } factors
        ? new() { Samples = cases.Min(c => c.Samples), Factors = factors }
        : null;

    /// <summary>How often intervals hold the truth: those of the samples, and those widened by the factors of the other folds.</summary>
    public TunedVolumeIntervals Worth()
    {
        double[] none = [.. Enumerable.Repeat(1.0, classes)];
        double[] Each(Func<int, double> value) => [.. Enumerable.Range(0, classes).Select(value)];
        var others = cases.Select(c => c.Fold).Distinct().ToDictionary(fold => fold, fold => Factors([.. cases.Where(c => c.Fold != fold)]));
        double[] Covered(Func<int, double[]> factors) => Each(k => cases.Average(c => c.Volumes[k].Score <= Math.Log(factors(c.Fold)[k]) + 1e-9 ? 1.0 : 0));
        var isWidened = others.Values.All(f => f is not null);
        return new(
            cases.GroupBy(c => c.Network).Max(n => n.Count()),
            Covered(_ => none),
            isWidened ? Covered(fold => others[fold]!) : null,
            isWidened ? Each(k => Math.Exp(cases.Average(c => c.Volumes[k].LogRatio + 2 * Math.Log(others[c.Fold]![k])))) : null);
    }

    private double[]? Factors(IReadOnlyList<OutOfFoldSamples> among)
    {
        List<double?> limits = [.. Enumerable.Range(0, classes).Select(k => OutOfFoldSamples.Limit(among, c => c.Volumes[k].Score))];
        return limits.Contains(null) ? null : [.. limits.Select(l => VolumeInterval.Factor(l!.Value))];
    }
}
