namespace Credence.MedicalIO.Nifti;

/// <summary>Volumes whose axes are not orthogonal, as an affine registration leaves them.</summary>
internal static class NiftiShear
{
    private const long SmallGrid = 1 << 20, MostGrowth = 4; // voxels that straightening may always make; times those of the file

    /// <summary>Puts a sheared volume on the smallest grid with orthogonal axes that holds it: i keeps its direction, j turns least; spacing stays.</summary>
    public static Volume Straighten(string path, Volume volume)
    {
        var (size, affine) = volume.Geometry;
        static Vector3D Unit(Vector3D v) => 1 / v.Length * v;
        var i = Unit(affine.ColumnI);
        var k = Unit(i.Cross(affine.ColumnJ));
        var j = k.Cross(i);
        k = (k.Dot(affine.ColumnK) < 0 ? -1 : 1) * k;
        var spacing = affine.Spacing;
        var axes = new Affine(spacing.X * i, spacing.Y * j, spacing.Z * k, affine.Origin);
        var inverse = axes.Inverse();
        var (low, high) = (new double[3], new double[3]);
        for (var corner = 0; corner < 8; corner++)
        {
            var at = inverse.Apply(affine.Apply(new((corner & 1) * (size.Width - 1), (corner >> 1 & 1) * (size.Height - 1), (corner >> 2) * (size.Depth - 1))));
            double[] index = [at.X, at.Y, at.Z];
            for (var axis = 0; axis < 3; axis++)
            {
                (low[axis], high[axis]) = (Math.Min(low[axis], index[axis]), Math.Max(high[axis], index[axis]));
            }
        }

        var most = Math.Min(Array.MaxLength, Math.Max(SmallGrid, MostGrowth * size.Count));
        if (Enumerable.Range(0, 3).Aggregate(1.0, (product, axis) => product * (high[axis] - low[axis] + 2)) > most)
        {
            throw new InvalidImageFileException(path, $"axes so sheared that {size} voxels need more than {most} on an orthogonal grid", "axes that are nearly orthogonal", "Correct sform in the header.");
        }

        int Edge(int axis) => (int)Math.Ceiling(high[axis] - 1e-6) - (int)Math.Floor(low[axis] + 1e-6) + 1;
        var first = new Vector3D(Math.Floor(low[0] + 1e-6), Math.Floor(low[1] + 1e-6), Math.Floor(low[2] + 1e-6));
        var grid = new VolumeGeometry(new(Edge(0), Edge(1), Edge(2)), axes with { Origin = axes.Apply(first) });
        return Resampling.Resample(volume, grid, Interpolation.Linear, volume.Voxels.Min());
    }
}
