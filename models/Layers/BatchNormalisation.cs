namespace Credence.Models.Layers;

/// <summary>Normalises every channel to mean 0 and variance 1 over the minibatch and space, then scales and shifts it.</summary>
/// <remarks>
/// A pass with <see cref="ITrainingNoise"/> uses the statistics of its minibatch and moves the running ones towards them; every other pass uses the running
/// statistics and changes nothing. Source: Ioffe and Szegedy 2015, arXiv:1502.03167; momentum and the unbiased running variance as in PyTorch.
/// </remarks>
public sealed class BatchNormalisation : Module, ILayer
{
    /// <summary>Added to the variance.</summary>
    public const double Epsilon = 1e-5;

    private const double Momentum = 0.1; // share of the minibatch in the running statistics
    private const string MeanName = "runningMean";
    private const string VarianceName = "runningVariance";

    private readonly Parameter scale; // (channels)
    private readonly Parameter shift; // (channels)

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C.</param>
    public BatchNormalisation(long channels)
        : base(nameof(BatchNormalisation))
    {
        scale = Parameter(ones(channels));
        shift = Parameter(zeros(channels));
        RegisterComponents();
        register_buffer(MeanName, zeros(channels));
        register_buffer(VarianceName, ones(channels));
    }

    /// <summary>(channels), 1 at the start.</summary>
    public Tensor Scale => scale;

    /// <summary>(channels), 0 at the start.</summary>
    public Tensor Shift => shift;

    /// <summary>(channels), 0 at the start.</summary>
    public Tensor RunningMean => get_buffer(MeanName)!;

    /// <summary>(channels), 1 at the start.</summary>
    public Tensor RunningVariance => get_buffer(VarianceName)!;

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => functional.batch_norm(
        inputs[0], RunningMean, RunningVariance, scale, shift, training: noise is ITrainingNoise, momentum: Momentum, eps: Epsilon);
}
