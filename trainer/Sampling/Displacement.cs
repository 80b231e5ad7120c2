using Credence.MedicalIO;

namespace Credence.Trainer.Sampling;

/// <summary>A smooth displacement of the voxels of a patch, in voxels of the case.</summary>
/// <remarks>Çiçek et al. 2016, arXiv:1606.06650 (smooth dense deformation of patches as augmentation).</remarks>
/// <param name="I">(D, H, W), along the first axis of the case.</param>
/// <param name="J">(D, H, W), along the second.</param>
/// <param name="K">(D, H, W), along the third.</param>
internal sealed record Displacement(double[] I, double[] J, double[] K)
{
    private const double Segments = 4; // along the longest edge of a patch

    /// <summary>Draws a displacement in space, alike along all axes.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="spacing">mm.</param>
    /// <param name="deviation">Standard deviation along each axis, mm.</param>
    /// <param name="random">Source of the draw.</param>
    public static Displacement Draw(Size3 patch, Vector3D spacing, double deviation, Random random)
    {
        var length = SegmentLength(patch, spacing);
        int Count(int edge, double voxel) => Math.Max(1, (int)Math.Round(edge * voxel / length));
        var segments = new Size3(Count(patch.Width, spacing.X), Count(patch.Height, spacing.Y), Count(patch.Depth, spacing.Z));
        double[] Along(double voxel) => SmoothField.Values(patch, segments, deviation / voxel, (uint)random.NextInt64(1L << 32));
        return new(Along(spacing.X), Along(spacing.Y), Along(spacing.Z));
    }

    /// <summary>mm of patch between two bends.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="spacing">mm.</param>
    public static double SegmentLength(Size3 patch, Vector3D spacing) =>
        Math.Max(patch.Width * spacing.X, Math.Max(patch.Height * spacing.Y, patch.Depth * spacing.Z)) / Segments;
}
