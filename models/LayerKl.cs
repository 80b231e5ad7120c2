using Credence.Models.Layers;

namespace Credence.Models;

/// <summary>The KL divergence of one layer. Owns its tensor.</summary>
/// <param name="Layer">Name of the layer.</param>
/// <param name="Weight">Its weight, a distribution; not owned.</param>
/// <param name="Kl">KL divergence of the posterior from the prior, summed over the weights of the layer: scalar, nats.</param>
public sealed record LayerKl(string Layer, GaussianWeight Weight, Tensor Kl) : IDisposable
{
    /// <summary>Number of weights.</summary>
    public long Weights => Weight.Mean.numel();

    /// <inheritdoc/>
    public void Dispose() => Kl.Dispose();
}
