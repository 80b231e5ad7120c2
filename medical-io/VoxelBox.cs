namespace Credence.MedicalIO;

/// <summary>A block of voxels of a grid.</summary>
/// <param name="I">First voxel along i.</param>
/// <param name="J">First voxel along j.</param>
/// <param name="K">First voxel along k.</param>
/// <param name="Size">Voxels along i, j, k.</param>
public readonly record struct VoxelBox(int I, int J, int K, Size3 Size)
{
    /// <summary>The whole of a grid.</summary>
    public static VoxelBox Whole(Size3 size) => new(0, 0, 0, size);

    /// <summary>The smallest box that holds both.</summary>
    public VoxelBox Union(VoxelBox other)
    {
        var (i, j, k) = (Math.Min(I, other.I), Math.Min(J, other.J), Math.Min(K, other.K));
        return new(i, j, k, new(
            Math.Max(I + Size.Width, other.I + other.Size.Width) - i,
            Math.Max(J + Size.Height, other.J + other.Size.Height) - j,
            Math.Max(K + Size.Depth, other.K + other.Size.Depth) - k));
    }

    /// <summary>The box with this many more voxels on each side, where the grid has them.</summary>
    /// <param name="margin">Voxels.</param>
    /// <param name="grid">Size of the grid.</param>
    public VoxelBox Grow(int margin, Size3 grid)
    {
        var (i, j, k) = (Math.Max(0, I - margin), Math.Max(0, J - margin), Math.Max(0, K - margin));
        return new(i, j, k, new(
            Math.Min(grid.Width, I + Size.Width + margin) - i,
            Math.Min(grid.Height, J + Size.Height + margin) - j,
            Math.Min(grid.Depth, K + Size.Depth + margin) - k));
    }

    /// <summary>The part of a grid inside the box; its voxels stay where they are.</summary>
    public VolumeGeometry Of(VolumeGeometry grid) => new(Size, grid.Affine with { Origin = grid.Affine.Apply(new(I, J, K)) });

    /// <summary>Puts a volume of this box back into the grid that it was cut from.</summary>
    /// <param name="part">(D, H, W) inside the box.</param>
    /// <param name="grid">The whole grid.</param>
    /// <param name="outside">Value of the voxels outside the box.</param>
    public Volume PutBack(float[] part, VolumeGeometry grid, float outside)
    {
        var voxels = new float[grid.Size.Count];
        voxels.AsSpan().Fill(outside);
        for (var k = 0; k < Size.Depth; k++)
        {
            for (var j = 0; j < Size.Height; j++)
            {
                part.AsSpan(Size.Width * (j + Size.Height * k), Size.Width).CopyTo(voxels.AsSpan(I + grid.Size.Width * (J + j + grid.Size.Height * (K + k))));
            }
        }

        return new(grid, voxels);
    }
}
