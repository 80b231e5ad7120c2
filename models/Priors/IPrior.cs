namespace Credence.Models.Priors;

/// <summary>The distribution of a weight around its prior mean, before any data. Symmetric, the same for every element of a layer.</summary>
public interface IPrior
{
    /// <summary>
    /// σ of the Gaussians N(0, σ²) that are closest to the prior: every local minimum of their KL divergence, in ascending order. The posterior of a weight
    /// about which the data say nothing ends at one of them.
    /// </summary>
    IReadOnlyList<double> ClosestSigmas { get; }

    /// <summary>Whether the KL divergence is estimated by sampling, for want of a closed form.</summary>
    bool IsSampled { get; }

    /// <summary>KL divergence of N(offset, σ²) from the prior, summed over all elements.</summary>
    /// <param name="offset">Posterior mean less prior mean, any shape.</param>
    /// <param name="sigma">σ of the posterior, as <paramref name="offset"/>, above 0.</param>
    /// <param name="epsilon">Standard normal noise, as <paramref name="offset"/>; null unless <see cref="IsSampled"/>.</param>
    /// <returns>Scalar, nats.</returns>
    Tensor KlDivergence(Tensor offset, Tensor sigma, Tensor? epsilon);
}
