namespace Credence.Models.Layers;

/// <summary>Normalises every channel of every example to mean 0 and variance 1 over space, then scales and shifts it.</summary>
/// <remarks>Source: Ulyanov et al. 2016, arXiv:1607.08022.</remarks>
public sealed class InstanceNormalisation : Module, ILayer
{
    /// <summary>Added to the variance.</summary>
    public const double Epsilon = 1e-5;

    private readonly Parameter scale; // (channels)
    private readonly Parameter shift; // (channels)

    /// <summary>Creates the layer.</summary>
    public InstanceNormalisation(long channels)
        : base(nameof(InstanceNormalisation))
    {
        scale = Parameter(ones(channels));
        shift = Parameter(zeros(channels));
        RegisterComponents();
    }

    /// <summary>(channels), 1 at the start.</summary>
    public Tensor Scale => scale;

    /// <summary>(channels), 0 at the start.</summary>
    public Tensor Shift => shift;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is one voxel, which any normalisation makes 0.</exception>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) =>
        GroupNormalisation.Normalise(inputs[0], groups: scale.shape[0], scale, shift, Epsilon); // groups of one channel: libtorch's instance_norm is the same and slower
}
