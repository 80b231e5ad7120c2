namespace Credence.Models.Priors;

/// <summary>π N(0, σ₁²) + (1 - π) N(0, σ₂²): a wide Gaussian for the weights that matter, a narrow one that pulls the others to 0.</summary>
/// <remarks>
/// KL = E[ln q(w)] - E[ln p(w)]. The first expectation, the negative entropy of the Gaussian q, is exact; the second is one draw, so the estimate has
/// the gradient of ln q(w) - ln p(w) and less variance. The density is summed in logarithms: nothing is added to it, so far tails keep their gradient.
/// Source: Blundell et al. 2015, arXiv:1505.05424, equation 7.
/// </remarks>
public sealed class ScaleMixturePrior : IPrior
{
    private const int SigmaSteps = 400;
    private const double Reach = 8; // standard deviations; beyond lies less than 2e-15
    private const double Step = 0.1; // of the integral over ε

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
        ClosestSigma = Enumerable.Range(0, SigmaSteps + 1)
            .Select(n => narrowSigma * Math.Pow(wideSigma / narrowSigma, (double)n / SigmaSteps)).MinBy(Divergence);
    }

    /// <inheritdoc/>
    public double ClosestSigma { get; }

    /// <inheritdoc/>
    public bool IsSampled => true;

    /// <inheritdoc/>
    public Tensor KlDivergence(Tensor offset, Tensor sigma, Tensor? epsilon)
    {
        ArgumentNullException.ThrowIfNull(epsilon);
        using var scope = NewDisposeScope();
        var square = (offset + sigma * epsilon).square();
        Tensor Component(double share, double deviation) => square * (-0.5 / (deviation * deviation)) + Math.Log(share / deviation);

        // Per element; ½ ln 2π stands in q and in p, and cancels.
        var logPrior = Component(wideShare, wideSigma).logaddexp(Component(1 - wideShare, narrowSigma));
        return (-0.5 - sigma.log() - logPrior).sum().MoveToOuterDisposeScope();
    }

    /// <summary>KL divergence of N(0, σ²) from the prior, by quadrature, up to a constant.</summary>
    private double Divergence(double sigma)
    {
        var sum = 0.0;
        for (var epsilon = -Reach; epsilon <= Reach; epsilon += Step)
        {
            var square = sigma * sigma * epsilon * epsilon;
            var (wide, narrow) = (Math.Log(wideShare / wideSigma) - square / (2 * wideSigma * wideSigma), Math.Log((1 - wideShare) / narrowSigma) - square / (2 * narrowSigma * narrowSigma));
            var larger = Math.Max(wide, narrow);
            sum -= Math.Exp(-epsilon * epsilon / 2) * (larger + Math.Log(Math.Exp(wide - larger) + Math.Exp(narrow - larger)));
        }

        return sum * Step / Math.Sqrt(2 * Math.PI) - Math.Log(sigma);
    }
}
