using Credence.Inference.Metrics;

namespace Credence.Inference.Statistics;

/// <summary>The bootstrap interval of a mean, bias-corrected and accelerated (BCa): the one interval of a mean over patients or cases in all reports.</summary>
/// <remarks>
/// Source: Efron 1987, "Better bootstrap confidence intervals", J. Am. Stat. Assoc. 82:171, sections 2-4. The acceleration is the jackknife estimate.
/// Against the percentile interval it is accurate to one order more in the number of values, which counts where few are skewed: docs/decisions/0011-one-name-a-number.md.
/// </remarks>
internal static class Bootstrap
{
    /// <summary>Number of resamples.</summary>
    public const int Resamples = 10_000;

    /// <summary>The 95 % interval of the mean.</summary>
    /// <param name="values">Independent values, such as one a patient.</param>
    /// <param name="seed">Same seed, same interval.</param>
    /// <returns>Null below two values: one value says nothing of its spread.</returns>
    public static Interval? OfMean(IReadOnlyList<double> values, int seed)
    {
        if (values.Count < 2)
        {
            return null;
        }

        var mean = values.Average();
        if (values.All(v => v == values[0]))
        {
            return new(mean, mean);
        }

        var random = new Random(seed);
        var means = new double[Resamples];
        for (var r = 0; r < Resamples; r++)
        {
            var sum = 0.0;
            for (var n = 0; n < values.Count; n++)
            {
                sum += values[random.Next(values.Count)];
            }

            means[r] = sum / values.Count;
        }

        Array.Sort(means);

        // A tie counts half, as few values give the same mean often.
        var below = (means.Count(m => m < mean) + 0.5 * means.Count(m => m == mean)) / Resamples;
        var bias = Normal.Quantile(below);
        var squares = values.Sum(v => (v - mean) * (v - mean));
        var acceleration = values.Sum(v => Math.Pow(v - mean, 3)) / (6 * Math.Pow(squares, 1.5)); // the jackknife of a mean in closed form
        double End(double z)
        {
            var share = Normal.Cdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
            return OrderStatistics.Percentile(means, share);
        }

        var z = Normal.Quantile(0.975);
        return new(End(-z), End(z));
    }
}
