namespace Credence.Models;

/// <summary>No noise: the posterior-mean network.</summary>
public sealed class MeanNoise : INoiseSource
{
    /// <inheritdoc/>
    public Tensor? Gaussian(string name, long[] shape) => null;

    /// <inheritdoc/>
    public Tensor? ChannelMask(string name, long batch, long channels, double dropProbability) => null;
}
