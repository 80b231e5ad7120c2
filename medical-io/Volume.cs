namespace Credence.MedicalIO;

/// <summary>3-D voxels and their geometry.</summary>
public sealed class Volume
{
    /// <summary>Wraps voxels; the array is not copied.</summary>
    /// <param name="geometry">Size and affine.</param>
    /// <param name="voxels">(D, H, W): W, the i axis, runs fastest.</param>
    /// <exception cref="ArgumentException">The array does not have one element a voxel.</exception>
    public Volume(VolumeGeometry geometry, float[] voxels)
    {
        if (voxels.Length != geometry.Size.Count)
        {
            throw new ArgumentException(
                $"{voxels.Length} voxels were given for a grid of {geometry.Size} = {geometry.Size.Count}.", nameof(voxels));
        }

        Geometry = geometry;
        Voxels = voxels;
    }

    /// <summary>Size and affine.</summary>
    public VolumeGeometry Geometry { get; }

    /// <summary>(D, H, W): W, the i axis, runs fastest. The volume's own array.</summary>
    public float[] Voxels { get; }

    /// <summary>The voxel at (i, j, k).</summary>
    public float this[int i, int j, int k]
    {
        get => Voxels[Offset(i, j, k)];
        set => Voxels[Offset(i, j, k)] = value;
    }

    private long Offset(int i, int j, int k) => i + Geometry.Size.Width * (j + (long)Geometry.Size.Height * k);
}
