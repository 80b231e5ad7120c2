namespace Credence.Inference.Statistics;

/// <summary>The standard normal distribution.</summary>
internal static class Normal
{
    /// <summary>P(Z ≤ x).</summary>
    /// <remarks>By the incomplete gamma function: erfc(z) = Q(1/2, z²); series below z² = 1.5, continued fraction above (Abramowitz and Stegun 1964, 6.5.29 and 6.5.31).</remarks>
    public static double Cdf(double x)
    {
        var upper = UpperTail(Math.Abs(x));
        return x > 0 ? 1 - upper : upper;
    }

    /// <summary>P(|Z| ≥ |x|).</summary>
    public static double TwoSidedP(double x) => 2 * UpperTail(Math.Abs(x));

    /// <summary>The x with P(Z ≤ x) = <paramref name="p"/>; infinite at 0 and 1.</summary>
    public static double Quantile(double p) =>
        p <= 0 ? double.NegativeInfinity : p >= 1 ? double.PositiveInfinity : p > 0.5 ? -Quantile(1 - p) : Bisection.Solve(x => Cdf(x) - p, -40, 0);

    private static double UpperTail(double x)
    {
        var z = x * x / 2;
        if (z < 1.5)
        {
            // P(1/2, z) = z^(1/2) e^-z Σ zⁿ / Γ(1/2 + 1 + n)
            var (sum, term) = (0.0, 2 / Math.Sqrt(Math.PI));
            for (var n = 0; term > 1e-17 * sum; n++)
            {
                sum += term;
                term *= z / (n + 1.5);
            }

            return 0.5 * (1 - Math.Sqrt(z) * Math.Exp(-z) * sum);
        }

        // Q(1/2, z) = z^(1/2) e^-z / Γ(1/2) · 1/(z + (1-1/2)/(1 + 1/(z + (2-1/2)/(1 + 2/(z + …))))), evaluated from the far end.
        var fraction = z;
        for (var n = 400; n >= 1; n--)
        {
            fraction = z + (n - 0.5) / (1 + n / fraction);
        }

        return 0.5 * Math.Sqrt(z / Math.PI) * Math.Exp(-z) / fraction;
    }
}
