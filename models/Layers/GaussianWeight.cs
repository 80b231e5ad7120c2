using Credence.Models.Priors;

namespace Credence.Models.Layers;

/// <summary>A weight whose elements are independent Gaussians, learned by variational inference.</summary>
/// <remarks>
/// w = μ + σ ⊙ ε with ε ~ N(0, I) and σ = softplus(ρ) = ln(1 + exp ρ).
/// Source: Blundell et al. 2015, "Weight Uncertainty in Neural Networks", section 3.2, arXiv:1505.05424.
/// </remarks>
public sealed class GaussianWeight : Module, IWeight
{
    private const string PriorMeanName = "priorMean";
    private const double SmallestVariance = 1e-12; // of an activation: the square root has no gradient at 0, where an empty patch is

    private readonly Parameter mean;
    private readonly Parameter rho; // as mean; any real ρ is valid
    private readonly WeightEstimator estimator;

    /// <summary>Creates the weight.</summary>
    /// <param name="noiseName">Name of its noise input.</param>
    /// <param name="initialMean">μ at the start; taken over.</param>
    /// <param name="initialSigma">σ of every element at the start, above 0.</param>
    /// <param name="prior">Distribution of every element before any data.</param>
    /// <param name="priorMean">Whether the prior is centred at 0 or at a stored tensor, which is 0 until <see cref="Start"/>.</param>
    /// <param name="estimator">How a training pass draws.</param>
    /// <exception cref="ArgumentOutOfRangeException">The standard deviation is not positive.</exception>
    public GaussianWeight(
        string noiseName, Tensor initialMean, double initialSigma, IPrior prior,
        PriorMean priorMean = Priors.PriorMean.Zero, WeightEstimator estimator = WeightEstimator.Reparameterisation)
        : base(nameof(GaussianWeight))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(initialSigma);
        (Prior, this.estimator) = (prior, estimator);
        mean = Parameter(initialMean);
        using (var sigma = full(mean.shape, initialSigma))
        {
            rho = Parameter(RhoOf(sigma));
        }

        Noise = new NoiseDescription(noiseName, mean.shape, DropProbability: null);
        RegisterComponents();
        if (priorMean == Priors.PriorMean.Start)
        {
            register_buffer(PriorMeanName, zeros(mean.shape));
        }
    }

    /// <summary>μ.</summary>
    public Tensor Mean => mean;

    /// <summary>ρ, with σ = softplus(ρ).</summary>
    public Tensor Rho => rho;

    /// <summary>The mean of the prior, as <see cref="Mean"/>; null for 0.</summary>
    public Tensor? PriorMean => has_buffer(PriorMeanName) ? get_buffer(PriorMeanName) : null;

    /// <summary>Distribution of every element, less its prior mean, before any data.</summary>
    public IPrior Prior { get; }

    /// <inheritdoc/>
    public NoiseDescription Noise { get; }

    /// <summary>One value of the weight: the posterior mean where the source gives no noise.</summary>
    /// <returns>A new handle, which the caller disposes.</returns>
    public Tensor Draw(INoiseSource noise)
    {
        using var scope = NewDisposeScope();
        var epsilon = noise.Gaussian(Noise.Name, mean.shape);
        return (epsilon is null ? mean.alias() : mean + functional.softplus(rho) * epsilon).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Apply(LinearOperation operation, Tensor input, Tensor bias, INoiseSource noise)
    {
        using var scope = NewDisposeScope();
        var output = (estimator, noise) switch
        {
            (WeightEstimator.Flipout, ITrainingNoise training) => Flipout(operation, input, bias, training),
            (WeightEstimator.LocalReparameterisation, ITrainingNoise training) => LocalReparameterisation(operation, input, bias, training),
            _ => operation(input, Draw(noise), bias),
        };
        return output.MoveToOuterDisposeScope();
    }

    /// <summary>KL divergence of the posterior from the prior, summed over all elements.</summary>
    /// <param name="noise">Used by priors whose divergence has no closed form: one draw of the weight.</param>
    /// <returns>Scalar, nats.</returns>
    /// <exception cref="ArgumentException">The prior needs a draw and the source gives none.</exception>
    public Tensor KlDivergence(INoiseSource noise)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var epsilon = !Prior.IsSampled ? null : noise.Gaussian(Noise.Name, mean.shape) ?? throw new ArgumentException(
            $"The KL divergence of {Noise.Name} is estimated by sampling, and the noise source gives no noise. Give one that draws.", nameof(noise));
        var offset = PriorMean is { } centre ? mean - centre : mean.alias();
        return Prior.KlDivergence(offset, functional.softplus(rho), epsilon).MoveToOuterDisposeScope();
    }

    /// <summary>Sets the posterior to a given Gaussian, and the prior mean, where there is one, to its mean.</summary>
    /// <param name="start">μ, as <see cref="Mean"/>.</param>
    /// <param name="sigma">σ, as <see cref="Mean"/>, above 0.</param>
    public void Start(Tensor start, Tensor sigma)
    {
        using var pause = FinalizerPause.Begin();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        mean.copy_(start);
        rho.copy_(RhoOf(sigma));
        PriorMean?.copy_(start);
    }

    /// <summary>y = x * μ + bias + ((x ⊙ a) * (σ ⊙ ε)) ⊙ b with signs a, b per example and channel, the same for every voxel.</summary>
    /// <remarks>
    /// Every example sees one perturbed kernel of its own, so samples keep the spatial correlation of a shared kernel; a sign per voxel would not.
    /// Source: Wen et al. 2018, arXiv:1803.04386, section 3.
    /// </remarks>
    private Tensor Flipout(LinearOperation operation, Tensor input, Tensor bias, ITrainingNoise noise)
    {
        var perturbation = functional.softplus(rho) * noise.Gaussian(Noise.Name, mean.shape)!;
        var output = operation(input, mean, bias);
        var moved = operation(input * noise.Signs(Noise.Name, ChannelShape(input)), perturbation, null);
        return output + moved * noise.Signs(Noise.Name, ChannelShape(output));
    }

    /// <summary>Draws the output instead of the weight: y ~ N(x * μ + bias, x² * σ²), independently for every element.</summary>
    /// <remarks>
    /// The least variance of gradients; neighbouring voxels lose the correlation that one kernel gives them, so it is for training only.
    /// Source: Kingma et al. 2015, arXiv:1506.02557, section 2.3.
    /// </remarks>
    private Tensor LocalReparameterisation(LinearOperation operation, Tensor input, Tensor bias, ITrainingNoise noise)
    {
        var average = operation(input, mean, bias);
        var variance = operation(input.square(), functional.softplus(rho).square(), null);
        return average + variance.clamp(SmallestVariance).sqrt() * noise.Activation(Noise.Name, average.shape);
    }

    private static long[] ChannelShape(Tensor tensor) => [.. tensor.shape.Select((edge, axis) => axis < 2 ? edge : 1)];

    /// <summary>softplus⁻¹(σ) = σ + ln(1 - exp(-σ)).</summary>
    private static Tensor RhoOf(Tensor sigma)
    {
        using var scope = NewDisposeScope();
        return (sigma + (-(-sigma).expm1()).log()).MoveToOuterDisposeScope();
    }
}
