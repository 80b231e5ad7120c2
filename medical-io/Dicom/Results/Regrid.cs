namespace Credence.MedicalIO.Dicom.Results;

/// <summary>Brings a result into the order of axes of the scan, without interpolation.</summary>
internal static class Regrid
{
    /// <summary>The same voxels in the order of <paramref name="target"/>.</summary>
    /// <exception cref="ArgumentException">It is another grid.</exception>
    public static Volume To(VolumeGeometry target, Volume volume) => new(target, Map(target, volume.Geometry, volume.Voxels));

    /// <summary>The same labels in the order of <paramref name="target"/>.</summary>
    /// <exception cref="ArgumentException">It is another grid.</exception>
    public static LabelMap To(VolumeGeometry target, LabelMap labels) => new(target, Map(target, labels.Geometry, labels.Labels));

    private static T[] Map<T>(VolumeGeometry target, VolumeGeometry source, T[] values)
    {
        // The index of the target's corners in the source tells which axis runs where.
        var toSource = source.Affine.Inverse().Compose(target.Affine);
        static bool IsWhole(Vector3D v) => Math.Abs(v.X - Math.Round(v.X)) + Math.Abs(v.Y - Math.Round(v.Y)) + Math.Abs(v.Z - Math.Round(v.Z)) < 0.02;
        var last = toSource.Apply(new(target.Size.Width - 1, target.Size.Height - 1, target.Size.Depth - 1));
        bool IsInside(Vector3D v) => v.X > -0.5 && v.Y > -0.5 && v.Z > -0.5 && v.X < source.Size.Width - 0.5 && v.Y < source.Size.Height - 0.5 && v.Z < source.Size.Depth - 0.5;
        if (target.Size.Count != source.Size.Count || !IsWhole(toSource.Origin) || !IsWhole(last) || !IsInside(toSource.Origin) || !IsInside(last))
        {
            throw new ArgumentException($"A result on a grid of {source.Size} voxels does not lie on the scan's of {target.Size}.", nameof(source));
        }

        long Step(Vector3D v) => (long)Math.Round(v.X) + source.Size.Width * ((long)Math.Round(v.Y) + source.Size.Height * (long)Math.Round(v.Z));
        var (start, stepI, stepJ, stepK) = (Step(toSource.Origin), Step(toSource.ColumnI), Step(toSource.ColumnJ), Step(toSource.ColumnK));
        var result = new T[values.Length];
        var offset = 0;
        for (var k = 0; k < target.Size.Depth; k++)
        {
            for (var j = 0; j < target.Size.Height; j++)
            {
                for (var i = 0; i < target.Size.Width; i++)
                {
                    result[offset++] = values[start + i * stepI + j * stepJ + k * stepK];
                }
            }
        }

        return result;
    }
}
