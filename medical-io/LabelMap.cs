namespace Credence.MedicalIO;

/// <summary>An integer class per voxel, and the geometry.</summary>
public sealed class LabelMap
{
    /// <summary>Wraps labels; the array is not copied.</summary>
    /// <param name="geometry">Size and affine.</param>
    /// <param name="labels">(D, H, W): W, the i axis, runs fastest. 0 is background.</param>
    /// <exception cref="ArgumentException">The array does not have one element a voxel.</exception>
    public LabelMap(VolumeGeometry geometry, byte[] labels)
    {
        if (labels.Length != geometry.Size.Count)
        {
            throw new ArgumentException(
                $"{labels.Length} labels were given for a grid of {geometry.Size} = {geometry.Size.Count}.", nameof(labels));
        }

        Geometry = geometry;
        Labels = labels;
    }

    /// <summary>Size and affine.</summary>
    public VolumeGeometry Geometry { get; }

    /// <summary>(D, H, W): W, the i axis, runs fastest. The map's own array.</summary>
    public byte[] Labels { get; }
}
