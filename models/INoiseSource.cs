namespace Credence.Models;

/// <summary>Where a pass takes its randomness from: nothing (the posterior mean), a generator, or given tensors.</summary>
public interface INoiseSource
{
    /// <summary>Standard normal noise for a weight, or null for the posterior mean.</summary>
    /// <param name="name">Name of the noise input: <c>noise/&lt;layer&gt;</c>.</param>
    /// <param name="shape">Shape of the weight.</param>
    Tensor? Gaussian(string name, long[] shape);

    /// <summary>Mask of (N or 1, C, 1, 1, 1) with 0 for dropped channels and 1 / (1 - p) for kept ones, or null to keep all.</summary>
    /// <param name="name">Name of the noise input: <c>mask/&lt;layer&gt;</c>.</param>
    /// <param name="batch">N.</param>
    /// <param name="channels">C.</param>
    /// <param name="dropProbability">p.</param>
    Tensor? ChannelMask(string name, long batch, long channels, double dropProbability);
}
