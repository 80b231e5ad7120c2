namespace Credence.Inference.Metrics;

/// <summary>Percentiles of sorted values.</summary>
internal static class OrderStatistics
{
    /// <summary>Linear between order statistics (Hyndman and Fan 1996, type 7, the default of NumPy); NaN for no values.</summary>
    /// <param name="sorted">Ascending.</param>
    /// <param name="share">In [0, 1].</param>
    public static double Percentile(ReadOnlySpan<double> sorted, double share)
    {
        if (sorted.Length == 0)
        {
            return double.NaN;
        }

        var position = share * (sorted.Length - 1);
        var below = (int)position;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + (position - below) * (sorted[above] - sorted[below]);
    }
}
