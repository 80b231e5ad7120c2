using Credence.Inference.Statistics;

namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>Student's t distribution.</summary>
internal static class StudentT
{
    /// <summary>P(|T| ≥ |t|).</summary>
    /// <remarks>The regularised incomplete beta function I_x(ν/2, 1/2) at x = ν/(ν + t²) (Abramowitz and Stegun 1964, 26.7.1; continued fraction 26.5.8).</remarks>
    /// <param name="t">The statistic.</param>
    /// <param name="degreesOfFreedom">ν, above 0.</param>
    public static double TwoSidedP(double t, double degreesOfFreedom) =>
        double.IsInfinity(t) ? 0 : IncompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);

    /// <summary>The t with P(|T| ≥ t) = <paramref name="p"/>.</summary>
    public static double TwoSidedQuantile(double p, double degreesOfFreedom) =>
        Bisection.Solve(t => p - TwoSidedP(t, degreesOfFreedom), 0, 1e8);

    private static double IncompleteBeta(double x, double a, double b)
    {
        if (x is <= 0 or >= 1)
        {
            return x <= 0 ? 0 : 1;
        }

        // The fraction converges quickly below (a + 1) / (a + b + 2); above, I_x(a, b) = 1 - I_{1-x}(b, a).
        if (x > (a + 1) / (a + b + 2))
        {
            return 1 - IncompleteBeta(1 - x, b, a);
        }

        var front = Math.Exp(a * Math.Log(x) + b * Math.Log(1 - x) + LogGamma(a + b) - LogGamma(a) - LogGamma(b)) / a;
        var fraction = 1.0;
        for (var m = 300; m >= 1; m--)
        {
            var even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            var odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            fraction = 1 + even / (1 + odd / fraction);
        }

        return front / (1 - (a + b) * x / (a + 1) / fraction);
    }

    /// <summary>ln Γ(x) for x above 0, by Stirling's series after shifting x above 15 (Abramowitz and Stegun 1964, 6.1.41).</summary>
    private static double LogGamma(double x)
    {
        var shift = 0.0;
        for (; x < 15; x++)
        {
            shift += Math.Log(x);
        }

        var r = 1 / (x * x);
        return (x - 0.5) * Math.Log(x) - x + 0.5 * Math.Log(2 * Math.PI) + (1 / 12.0 - r * (1 / 360.0 - r * (1 / 1260.0 - r / 1680.0))) / x - shift;
    }
}
