namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>Holm's step-down correction for several tests.</summary>
/// <remarks>Source: Holm 1979, Scand. J. Stat. 6:65.</remarks>
internal static class HolmCorrection
{
    /// <summary>p values that may be compared with the level of a single test.</summary>
    public static IReadOnlyList<double> Adjust(IReadOnlyList<double> pValues)
    {
        var adjusted = new double[pValues.Count];
        var largest = 0.0;
        foreach (var (index, rank) in Enumerable.Range(0, pValues.Count).OrderBy(n => pValues[n]).Select((index, rank) => (index, rank)))
        {
            largest = Math.Max(largest, Math.Min(1, (pValues.Count - rank) * pValues[index]));
            adjusted[index] = largest;
        }

        return adjusted;
    }
}
