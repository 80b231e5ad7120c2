namespace Credence.Models.Layers;

/// <summary>Mean of every block of stride D x H x W voxels; the input's edges are multiples of the stride.</summary>
/// <param name="stride">(D, H, W), also the edges of the blocks.</param>
public sealed class AveragePooling(long[] stride) : ILayer
{
    /// <summary>(D, H, W).</summary>
    public long[] Stride { get; } = stride;

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => functional.avg_pool3d(inputs[0], Stride, Stride);
}
