namespace Credence.Models.Priors;

/// <summary>π N(0, σ₁²) + (1 - π) N(0, σ₂²): a wide Gaussian for the weights that matter, a narrow one that pulls the others to 0.</summary>
/// <remarks>
/// KL = E[ln q(w)] - E[ln p(w)]. The first expectation, the negative entropy of the Gaussian q, is exact; the second is one draw. The gradient is that of
/// ln q(w) - ln p(w); the value has less variance for a weight that is narrow in the prior, and more for one that has collapsed to it. The density is summed in logarithms: nothing is added to it, so far tails keep their gradient.
/// Source: Blundell et al. 2015, arXiv:1505.05424, equation 7.
/// </remarks>
public sealed class ScaleMixturePrior : IPrior
{
    private const double SigmaStep = 0.005; // of ln σ in the search
    private const int Steps = 200; // of the integral
    private const double Reach = 10; // standard deviations; beyond lies less than 2e-23
    private const double Vanishing = 45; // -ln of what is nothing beside 1

    private readonly double wideSigma;
    private readonly double narrowSigma;
    private readonly double wideShare;

    /// <summary>Creates the prior.</summary>
    /// <param name="wideSigma">σ₁, a standard deviation, above <paramref name="narrowSigma"/>.</param>
    /// <param name="narrowSigma">σ₂, a standard deviation, above 0.</param>
    /// <param name="wideShare">π, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">A value is outside its range.</exception>
    public ScaleMixturePrior(double wideSigma, double narrowSigma, double wideShare)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(narrowSigma);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(wideSigma, narrowSigma);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(wideShare);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(wideShare, 1);
        (this.wideSigma, this.narrowSigma, this.wideShare) = (wideSigma, narrowSigma, wideShare);
        ClosestSigmas = Minima();
    }

    /// <inheritdoc/>
    /// <remarks>One near each component where they are far apart, as by default; one between them where they are close. All lie between σ₂ and σ₁.</remarks>
    public IReadOnlyList<double> ClosestSigmas { get; }

    /// <inheritdoc/>
    public bool IsSampled => true;

    /// <inheritdoc/>
    public Tensor KlDivergence(Tensor offset, Tensor sigma, Tensor? epsilon)
    {
        ArgumentNullException.ThrowIfNull(epsilon);
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var square = (offset + sigma * epsilon).square();
        Tensor Component(double share, double deviation) => square * (-0.5 / (deviation * deviation)) + Math.Log(share / deviation);

        // Per element; ½ ln 2π stands in q and in p, and cancels.
        var logPrior = Component(wideShare, wideSigma).logaddexp(Component(1 - wideShare, narrowSigma));
        return (-0.5 - sigma.log() - logPrior).sum().MoveToOuterDisposeScope();
    }

    private List<double> Minima()
    {
        var steps = (int)Math.Ceiling(Math.Log(wideSigma / narrowSigma) / SigmaStep);
        var sigmas = Enumerable.Range(0, steps + 1).Select(n => narrowSigma * Math.Pow(wideSigma / narrowSigma, (double)n / steps)).ToList();
        var divergences = sigmas.Select(Divergence).ToList();
        return
        [
            .. sigmas.Where((_, n) => (n == 0 || divergences[n] < divergences[n - 1]) && (n == steps || divergences[n] <= divergences[n + 1])),
        ];
    }

    /// <summary>KL divergence of N(0, σ²) from the prior, up to a constant.</summary>
    /// <remarks>
    /// -E[ln p(w)] is that of the wide component alone, in closed form, less E[ln(1 + r(w))] with r the ratio of the narrow to the wide component: a peak of
    /// the width of the narrow one, integrated where it is. A grid over all w would have to be finer than the ratio of both widths.
    /// </remarks>
    private double Divergence(double sigma)
    {
        var top = Math.Log((1 - wideShare) * wideSigma / (wideShare * narrowSigma)); // ln r(0)
        var curvature = 0.5 / (narrowSigma * narrowSigma) - 0.5 / (wideSigma * wideSigma);
        var step = Math.Min(Reach * sigma, Math.Sqrt((Vanishing + Math.Max(0, top)) / curvature)) / Steps;
        var sum = 0.0;
        for (var n = 0; n < Steps; n++)
        {
            var w = (n + 0.5) * step;
            var logRatio = top - curvature * w * w;
            sum += Math.Exp(-w * w / (2 * sigma * sigma)) * (Math.Max(0, logRatio) + Math.Log(1 + Math.Exp(-Math.Abs(logRatio))));
        }

        var peak = 2 * sum * step / (sigma * Math.Sqrt(2 * Math.PI)); // both sides of 0
        return sigma * sigma / (2 * wideSigma * wideSigma) - peak - Math.Log(sigma);
    }
}
