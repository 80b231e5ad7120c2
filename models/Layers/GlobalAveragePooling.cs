namespace Credence.Models.Layers;

/// <summary>Mean of every channel over space: (N, C, D, H, W) becomes (N, C).</summary>
public sealed class GlobalAveragePooling : ILayer
{
    private static readonly long[] Space = [2, 3, 4];

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => inputs[0].mean(Space);
}
