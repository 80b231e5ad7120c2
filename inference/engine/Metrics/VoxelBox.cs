using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>A block of voxels inside a grid.</summary>
/// <param name="I">First voxel along W.</param>
/// <param name="J">First voxel along H.</param>
/// <param name="K">First voxel along D.</param>
/// <param name="Size">Voxels along W, H, D; all 0 for an empty box.</param>
internal readonly record struct VoxelBox(int I, int J, int K, Size3 Size)
{
    /// <summary>The box and <paramref name="margin"/> mm around it, as far as the grid reaches.</summary>
    public VoxelBox Grow(double margin, Vector3D spacing, Size3 grid)
    {
        if (Size.Count == 0)
        {
            return this;
        }

        var (i, width) = Grow(I, Size.Width, (int)Math.Min(grid.Width, Math.Ceiling(margin / spacing.X)), grid.Width);
        var (j, height) = Grow(J, Size.Height, (int)Math.Min(grid.Height, Math.Ceiling(margin / spacing.Y)), grid.Height);
        var (k, depth) = Grow(K, Size.Depth, (int)Math.Min(grid.Depth, Math.Ceiling(margin / spacing.Z)), grid.Depth);
        return new(i, j, k, new(width, height, depth));
    }

    /// <summary>Offset in the grid of the first voxel of a row of the box.</summary>
    public int RowOffset(int j, int k, Size3 grid) => I + grid.Width * (J + j + grid.Height * (K + k));

    private static (int First, int Length) Grow(int first, int length, int margin, int limit)
    {
        var start = Math.Max(0, first - margin);
        return (start, Math.Min(limit, first + length + margin) - start);
    }
}
