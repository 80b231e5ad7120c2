using Credence.Inference.Metrics;

namespace Credence.Inference.Sampling;

/// <summary>Interval of a volume over samples, and how it is widened until it holds the true volume in 95 % of cases.</summary>
/// <remarks>
/// Conformalized quantile regression (Romano, Patterson and Candès 2019, arXiv:1905.03222, section 4) on ln(volume + one voxel): large and small volumes are widened by one
/// factor, and an empty one has a logarithm. It holds for one network and for patients that could be exchanged with those that the factor was found on, whatever the samples are worth.
/// </remarks>
internal static class VolumeInterval
{
    /// <summary>From the 2.5th to the 97.5th percentile.</summary>
    /// <param name="sorted">Ascending.</param>
    public static (double Low, double High) OfSamples(ReadOnlySpan<double> sorted) =>
        (OrderStatistics.Percentile(sorted, (1 - ConformalLimit.Coverage) / 2), OrderStatistics.Percentile(sorted, (1 + ConformalLimit.Coverage) / 2));

    /// <summary>How far a true volume lies outside an interval, in logarithms; below 0 inside.</summary>
    /// <param name="truth">mL.</param>
    /// <param name="low">mL.</param>
    /// <param name="high">mL.</param>
    /// <param name="voxel">Volume of one voxel of the scan, mL.</param>
    public static double Score(double truth, double low, double high, double voxel) =>
        Math.Max(Math.Log((low + voxel) / (truth + voxel)), Math.Log((truth + voxel) / (high + voxel)));

    /// <summary>The factor that widens intervals enough, from the limit of the scores: at least 1, so that no interval becomes surer than its samples.</summary>
    /// <param name="limit">See <see cref="ConformalLimit"/>.</param>
    public static double Factor(double limit) => Math.Exp(Math.Max(0, limit));

    /// <summary>Widens an interval.</summary>
    /// <param name="low">mL.</param>
    /// <param name="high">mL.</param>
    /// <param name="factor">At least 1.</param>
    /// <param name="voxel">Volume of one voxel of the scan, mL.</param>
    public static (double Low, double High) Widen(double low, double high, double factor, double voxel) =>
        (Math.Max(0, (low + voxel) / factor - voxel), (high + voxel) * factor - voxel);
}
