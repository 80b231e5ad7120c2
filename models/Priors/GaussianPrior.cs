namespace Credence.Models.Priors;

/// <summary>N(0, σₚ²); see <see cref="Gaussian.KlDivergence"/>.</summary>
public sealed class GaussianPrior : IPrior
{
    private readonly double sigma;

    /// <summary>Creates the prior.</summary>
    /// <param name="sigma">σₚ, a standard deviation (not a variance), above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">σₚ is not positive.</exception>
    public GaussianPrior(double sigma)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sigma);
        this.sigma = sigma;
    }

    /// <inheritdoc/>
    public IReadOnlyList<double> ClosestSigmas => [sigma];

    /// <inheritdoc/>
    public bool IsSampled => false;

    /// <inheritdoc/>
    public Tensor KlDivergence(Tensor offset, Tensor sigma, Tensor? epsilon) => Gaussian.KlDivergence(offset, sigma, this.sigma);
}
