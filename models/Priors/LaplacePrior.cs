namespace Credence.Models.Priors;

/// <summary>The Laplace distribution exp(-|w| / b) / 2b, whose divergence from a Gaussian posterior has a closed form.</summary>
public sealed class LaplacePrior : IPrior
{
    private readonly double scale; // b

    /// <summary>Creates the prior.</summary>
    /// <param name="sigma">Its standard deviation (not its variance, not b = σ / √2), above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">The standard deviation is not positive.</exception>
    public LaplacePrior(double sigma)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sigma);
        scale = sigma / Math.Sqrt(2);
    }

    /// <inheritdoc/>
    /// <remarks>b √(π/2): there -ln σ + σ √(2/π) / b is least.</remarks>
    public IReadOnlyList<double> ClosestSigmas => [scale * Math.Sqrt(Math.PI / 2)];

    /// <inheritdoc/>
    public bool IsSampled => false;

    /// <inheritdoc/>
    public Tensor KlDivergence(Tensor offset, Tensor sigma, Tensor? epsilon)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();

        // Per element: ln 2b + E|w| / b - (½ ln 2πe + ln σ), E|w| = σ √(2/π) exp(-μ²/2σ²) + μ erf(μ / σ√2)
        var ratio = offset / (sigma * Math.Sqrt(2));
        var magnitude = sigma * Math.Sqrt(2 / Math.PI) * (-ratio.square()).exp() + offset * ratio.erf();
        var kl = magnitude / scale - sigma.log() + (Math.Log(2 * scale) - 0.5 * Math.Log(2 * Math.PI * Math.E));

        return kl.sum().MoveToOuterDisposeScope();
    }
}
