using Credence.MedicalIO;

namespace Credence.Trainer.Sampling;

/// <summary>A smooth displacement of the voxels of a patch.</summary>
/// <param name="I">Along the first axis of the case, in its voxels.</param>
/// <param name="J">Along the second.</param>
/// <param name="K">Along the third.</param>
internal sealed record Deformation(SmoothField I, SmoothField J, SmoothField K)
{
    private const double Segments = 4; // along the longest edge of the patch

    /// <summary>Draws a displacement in space, alike along all axes.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="spacing">mm.</param>
    /// <param name="deviation">Standard deviation along each axis, mm.</param>
    /// <param name="random">Source of the draw.</param>
    public static Deformation Draw(Size3 patch, Vector3D spacing, double deviation, Random random)
    {
        var (x, y, z) = (patch.Width * spacing.X, patch.Height * spacing.Y, patch.Depth * spacing.Z);
        var length = Math.Max(x, Math.Max(y, z)) / Segments;
        int Pieces(double edge) => Math.Max(1, (int)Math.Round(edge / length));
        var segments = new Size3(Pieces(x), Pieces(y), Pieces(z));
        SmoothField Along(double voxel) => new(patch, segments, deviation / voxel, (uint)random.NextInt64(1L << 32));
        return new(Along(spacing.X), Along(spacing.Y), Along(spacing.Z));
    }

    /// <summary>The displacement of every voxel, on the host.</summary>
    public Displacement Values() => new(I.Values(), J.Values(), K.Values());
}
