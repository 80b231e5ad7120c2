namespace Credence.MedicalIO;

/// <summary>Where the voxels of a volume lie: their number along each axis and the affine from index to RAS+ mm.</summary>
/// <param name="Size">Voxels along i, j, k; each at least 1.</param>
/// <param name="Affine">Voxel index to RAS+ mm.</param>
public sealed record VolumeGeometry(Size3 Size, Affine Affine)
{
    /// <summary>mm between voxel centres along i, j, k.</summary>
    public Vector3D Spacing => Affine.Spacing;

    /// <summary>Volume of one voxel, mm³.</summary>
    public double VoxelVolume => Math.Abs(Affine.Determinant);

    /// <summary>The index (i, j, k) of an offset into the voxels.</summary>
    public (int I, int J, int K) IndexOf(int offset) =>
        (offset % Size.Width, offset / Size.Width % Size.Height, offset / Size.Width / Size.Height);

    /// <summary>Whether both grids have the same size, and no corner of one lies further than <paramref name="tolerance"/> from the other's.</summary>
    /// <param name="other">The grid to compare with.</param>
    /// <param name="tolerance">mm.</param>
    public bool IsSameGrid(VolumeGeometry other, double tolerance = 1e-2) =>
        Size == other.Size && CornerDistance(other) <= tolerance;

    /// <summary>Largest distance in mm between corresponding corner voxels of two grids of the same size.</summary>
    public double CornerDistance(VolumeGeometry other)
    {
        var largest = 0.0;
        for (var corner = 0; corner < 8; corner++)
        {
            var index = new Vector3D(
                (corner & 1) * (Size.Width - 1), (corner >> 1 & 1) * (Size.Height - 1), (corner >> 2) * (Size.Depth - 1));
            largest = Math.Max(largest, (Affine.Apply(index) - other.Affine.Apply(index)).Length);
        }

        return largest;
    }
}
