namespace Credence.MedicalIO;

/// <summary>Maps voxel indices (i, j, k) to RAS+ millimetres: <c>Origin + i·ColumnI + j·ColumnJ + k·ColumnK</c>.</summary>
/// <remarks>The columns are the upper three rows of NIfTI's sform, read by column. Index (0, 0, 0) is the centre of the first voxel.</remarks>
/// <param name="ColumnI">Step in mm for one voxel along i.</param>
/// <param name="ColumnJ">Step in mm for one voxel along j.</param>
/// <param name="ColumnK">Step in mm for one voxel along k.</param>
/// <param name="Origin">Centre of voxel (0, 0, 0), mm.</param>
public readonly record struct Affine(Vector3D ColumnI, Vector3D ColumnJ, Vector3D ColumnK, Vector3D Origin)
{
    /// <summary>Voxel index = RAS+ millimetres.</summary>
    public static Affine Identity => Scaling(new(1, 1, 1));

    /// <summary>Largest cosine of an angle between two axes that counts as a right one: 0.57 degrees, as of scans whose positions are rounded or whose gantry is all but upright.</summary>
    internal const double LargestShear = 0.01;

    /// <summary>Largest cosine of an angle between two axes: 0 for orthogonal ones.</summary>
    internal double Shear
    {
        get
        {
            var (i, j, k) = (1 / ColumnI.Length * ColumnI, 1 / ColumnJ.Length * ColumnJ, 1 / ColumnK.Length * ColumnK);
            return Math.Max(Math.Abs(i.Dot(j)), Math.Max(Math.Abs(j.Dot(k)), Math.Abs(k.Dot(i))));
        }
    }

    /// <summary>Whether axes are so far from orthogonal that a volume is refused or straightened, whatever file it is from.</summary>
    internal bool IsSheared => Shear > LargestShear;

    /// <summary>Distances in mm between voxel centres along i, j, k.</summary>
    public Vector3D Spacing => new(ColumnI.Length, ColumnJ.Length, ColumnK.Length);

    /// <summary>Determinant of the 3 x 3 part, mm³: the signed volume of a voxel; negative when the axes are left-handed.</summary>
    public double Determinant => ColumnI.Dot(ColumnJ.Cross(ColumnK));

    /// <summary>Axes along RAS+, no rotation.</summary>
    /// <param name="spacing">mm between voxel centres.</param>
    public static Affine Scaling(Vector3D spacing) =>
        new(new(spacing.X, 0, 0), new(0, spacing.Y, 0), new(0, 0, spacing.Z), default);

    /// <summary>The position in RAS+ mm of a (possibly fractional) voxel index.</summary>
    public Vector3D Apply(Vector3D index) => Origin + index.X * ColumnI + index.Y * ColumnJ + index.Z * ColumnK;

    /// <summary>Applies <paramref name="inner"/> first, then this: the affine of <c>Apply(inner.Apply(index))</c>.</summary>
    public Affine Compose(Affine inner) =>
        new(Rotate(inner.ColumnI), Rotate(inner.ColumnJ), Rotate(inner.ColumnK), Apply(inner.Origin));

    /// <summary>The affine that maps RAS+ mm back to voxel indices.</summary>
    /// <exception cref="InvalidOperationException">The determinant is 0 or not finite: the three columns do not span space.</exception>
    public Affine Inverse()
    {
        var determinant = Determinant;
        if (!double.IsFinite(determinant) || determinant == 0)
        {
            throw new InvalidOperationException($"The affine has determinant {determinant} and cannot be inverted.");
        }

        // Rows of the inverse are cross products of the columns over the determinant (Cramer's rule).
        var rowX = 1 / determinant * ColumnJ.Cross(ColumnK);
        var rowY = 1 / determinant * ColumnK.Cross(ColumnI);
        var rowZ = 1 / determinant * ColumnI.Cross(ColumnJ);
        return new(
            new(rowX.X, rowY.X, rowZ.X),
            new(rowX.Y, rowY.Y, rowZ.Y),
            new(rowX.Z, rowY.Z, rowZ.Z),
            new(-rowX.Dot(Origin), -rowY.Dot(Origin), -rowZ.Dot(Origin)));
    }

    private Vector3D Rotate(Vector3D v) => v.X * ColumnI + v.Y * ColumnJ + v.Z * ColumnK;
}
