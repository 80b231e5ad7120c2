namespace Credence.Models.Layers;

/// <summary>Multiplies whole channels by 0 or 1 / (1 - p).</summary>
/// <remarks>Source: Tompson et al. 2015, arXiv:1411.4280, section 3.2 ("SpatialDropout").</remarks>
public sealed class ChannelDropout : IStochasticLayer
{
    private readonly double dropProbability;

    /// <summary>Creates the layer.</summary>
    /// <param name="noiseName">Name of its noise input.</param>
    /// <param name="channels">C.</param>
    /// <param name="dropProbability">p, in (0, 1).</param>
    /// <exception cref="ArgumentOutOfRangeException">p is not in (0, 1).</exception>
    public ChannelDropout(string noiseName, long channels, double dropProbability)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dropProbability);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(dropProbability, 1);
        this.dropProbability = dropProbability;
        Noise = new NoiseDescription(noiseName, [1, channels, 1, 1, 1], dropProbability);
    }

    /// <inheritdoc/>
    public NoiseDescription Noise { get; }

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise)
    {
        using var mask = noise.ChannelMask(Noise.Name, inputs[0].shape[0], Noise.Shape[1], dropProbability);
        return mask is null ? inputs[0].alias() : inputs[0] * mask;
    }
}
