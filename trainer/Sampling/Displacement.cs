namespace Credence.Trainer.Sampling;

/// <summary>A displacement of every voxel of a patch, in voxels of the case.</summary>
/// <param name="I">(D, H, W).</param>
/// <param name="J">(D, H, W).</param>
/// <param name="K">(D, H, W).</param>
internal sealed record Displacement(double[] I, double[] J, double[] K)
{
    /// <summary>Adds that of one voxel to its position.</summary>
    /// <param name="offset">The voxel.</param>
    /// <param name="i">Position, changed.</param>
    /// <param name="j">Position, changed.</param>
    /// <param name="k">Position, changed.</param>
    public void Add(int offset, ref double i, ref double j, ref double k) => (i, j, k) = (i + I[offset], j + J[offset], k + K[offset]);
}
