namespace Credence.Models.Layers;

/// <summary>A weight whose elements are independent Gaussians, learned by variational inference.</summary>
/// <remarks>
/// Every pass draws w = μ + σ ⊙ ε with ε ~ N(0, I) and σ = softplus(ρ) = ln(1 + exp ρ).
/// Source: Blundell et al. 2015, "Weight Uncertainty in Neural Networks", section 3.2, arXiv:1505.05424.
/// </remarks>
public sealed class GaussianWeight : Module, IWeight
{
    private readonly Parameter mean;
    private readonly Parameter rho; // as mean; any real ρ is valid

    /// <summary>Creates the weight.</summary>
    /// <param name="noiseName">Name of its noise input.</param>
    /// <param name="initialMean">μ at the start; taken over.</param>
    /// <param name="initialSigma">σ of every element at the start, above 0.</param>
    /// <param name="priorSigma">Standard deviation (not variance) of the zero-mean Gaussian prior, above 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">A standard deviation is not positive.</exception>
    public GaussianWeight(string noiseName, Tensor initialMean, double initialSigma, double priorSigma)
        : base(nameof(GaussianWeight))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(initialSigma);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(priorSigma);

        mean = Parameter(initialMean);
        rho = Parameter(full(mean.shape, Math.Log(Math.Exp(initialSigma) - 1))); // softplus⁻¹(σ)
        PriorSigma = priorSigma;
        Noise = new NoiseDescription(noiseName, mean.shape, DropProbability: null);
        RegisterComponents();
    }

    /// <summary>μ.</summary>
    public Tensor Mean => mean;

    /// <summary>ρ, with σ = softplus(ρ).</summary>
    public Tensor Rho => rho;

    /// <summary>Standard deviation of the prior.</summary>
    public double PriorSigma { get; }

    /// <inheritdoc/>
    public NoiseDescription Noise { get; }

    /// <inheritdoc/>
    public Tensor Draw(INoiseSource noise)
    {
        using var scope = NewDisposeScope();
        var epsilon = noise.Gaussian(Noise.Name, mean.shape);
        return (epsilon is null ? mean.alias() : mean + functional.softplus(rho) * epsilon).MoveToOuterDisposeScope();
    }

    /// <summary>KL divergence of the posterior from the prior, summed over all elements.</summary>
    /// <returns>Scalar, nats.</returns>
    public Tensor KlDivergence()
    {
        using var scope = NewDisposeScope();
        return Gaussian.KlDivergence(mean, functional.softplus(rho), PriorSigma).MoveToOuterDisposeScope();
    }
}
