namespace Credence.Models;

/// <summary>Given tensors, one a noise input: one fixed weight sample for a whole volume.</summary>
/// <param name="tensors">By name of the noise input. The caller owns them.</param>
public sealed class GivenNoise(IReadOnlyDictionary<string, Tensor> tensors) : INoiseSource
{
    /// <inheritdoc/>
    public Tensor? Gaussian(string name, long[] shape) => tensors[name].alias();

    /// <inheritdoc/>
    public Tensor? ChannelMask(string name, long batch, long channels, double dropProbability) => tensors[name].alias();
}
