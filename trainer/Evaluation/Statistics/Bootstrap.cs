namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>Bootstrap interval of a mean, bias-corrected and accelerated.</summary>
/// <remarks>Source: Efron 1987, "Better bootstrap confidence intervals", J. Am. Stat. Assoc. 82:171, sections 2-4. The acceleration is the jackknife estimate.</remarks>
public static class Bootstrap
{
    /// <summary>Resamples.</summary>
    public const int Resamples = 10_000;

    /// <summary>The 95 % interval of the mean.</summary>
    /// <param name="values">Independent values, such as one a patient.</param>
    /// <param name="seed">Same seed, same interval.</param>
    /// <returns>Null below two values: one value says nothing of its spread.</returns>
    public static Interval? OfMean(IReadOnlyList<double> values, ulong seed)
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

        var random = new Random((int)(seed ^ (seed >> 32)));
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
            var position = Math.Clamp(share * (Resamples - 1), 0, Resamples - 1);
            var index = Math.Min((int)position, Resamples - 2);
            return means[index] + (position - index) * (means[index + 1] - means[index]);
        }

        var z = Normal.Quantile(0.975);
        return new(End(-z), End(z));
    }
}
