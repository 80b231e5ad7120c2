namespace Credence.Models.Layers;

/// <summary>Joins its inputs along the channel axis.</summary>
public sealed class Concatenation : ILayer
{
    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => cat([.. inputs], dim: 1);
}
