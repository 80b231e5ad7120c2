namespace Credence.Models.Layers;

/// <summary>Adds its two inputs, which have the same shape.</summary>
public sealed class Addition : ILayer
{
    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => inputs[0] + inputs[1];
}
