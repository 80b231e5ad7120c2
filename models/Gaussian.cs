namespace Credence.Models;

/// <summary>Closed forms of the normal distribution.</summary>
public static class Gaussian
{
    /// <summary>KL( N(μ, σ²) ‖ N(0, σₚ²) ), summed over all elements.</summary>
    /// <remarks>Source: Kingma and Welling 2014, arXiv:1312.6114, appendix B, with a prior of standard deviation σₚ.</remarks>
    /// <param name="mean">μ, any shape.</param>
    /// <param name="sigma">σ, as <paramref name="mean"/>, above 0.</param>
    /// <param name="priorSigma">σₚ, a standard deviation (not a variance), above 0.</param>
    /// <returns>Scalar, nats.</returns>
    public static Tensor KlDivergence(Tensor mean, Tensor sigma, double priorSigma)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(priorSigma);
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();

        // Per element: ln(σₚ/σ) + (σ² + μ²) / (2σₚ²) − ½
        var squares = (sigma.square() + mean.square()) / (2 * priorSigma * priorSigma);
        var kl = squares - sigma.log() + (Math.Log(priorSigma) - 0.5);

        return kl.sum().MoveToOuterDisposeScope();
    }
}
