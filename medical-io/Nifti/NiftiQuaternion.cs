namespace Credence.MedicalIO.Nifti;

/// <summary>Rotations as NIfTI's qform stores them: three components of a unit quaternion, and the sign of the third axis.</summary>
/// <remarks>Source: nifti1.h, "METHOD 2"; Shepperd 1978, doi:10.2514/3.55767b, for the way back.</remarks>
internal static class NiftiQuaternion
{
    private const double OrthogonalTolerance = 1e-4;

    /// <summary>The affine, or null where the components are longer than 1.</summary>
    public static Affine? ToAffine(Vector3D quaternion, int handedness, Vector3D spacing, Vector3D origin)
    {
        var rest = 1 - quaternion.Dot(quaternion);
        if (!(rest > -1e-3))
        {
            return null;
        }

        // Rounding can make it longer than 1: then it is a half turn, and scaled to length 1.
        var (b, c, d) = rest < 0 ? (quaternion.X / quaternion.Length, quaternion.Y / quaternion.Length, quaternion.Z / quaternion.Length) : (quaternion.X, quaternion.Y, quaternion.Z);
        var a = Math.Sqrt(Math.Max(0, rest));
        return new(
            spacing.X * new Vector3D(a * a + b * b - c * c - d * d, 2 * (b * c + a * d), 2 * (b * d - a * c)),
            spacing.Y * new Vector3D(2 * (b * c - a * d), a * a + c * c - b * b - d * d, 2 * (c * d + a * b)),
            handedness * spacing.Z * new Vector3D(2 * (b * d + a * c), 2 * (c * d - a * b), a * a + d * d - c * c - b * b),
            origin);
    }

    /// <summary>The quaternion, or null where the axes are not orthogonal, which a qform cannot express.</summary>
    public static (Vector3D? Quaternion, int Handedness) From(Affine affine)
    {
        var spacing = affine.Spacing;
        var (x, y, z) = (1 / spacing.X * affine.ColumnI, 1 / spacing.Y * affine.ColumnJ, 1 / spacing.Z * affine.ColumnK);
        var handedness = affine.Determinant < 0 ? -1 : 1;
        if (Math.Abs(x.Dot(y)) > OrthogonalTolerance || Math.Abs(y.Dot(z)) > OrthogonalTolerance || Math.Abs(z.Dot(x)) > OrthogonalTolerance)
        {
            return (null, handedness);
        }

        z = handedness * z;
        var trace = x.X + y.Y + z.Z;
        double a, b, c, d;
        if (trace > 0)
        {
            a = Math.Sqrt(trace + 1) / 2;
            (b, c, d) = ((y.Z - z.Y) / (4 * a), (z.X - x.Z) / (4 * a), (x.Y - y.X) / (4 * a));
        }
        else if (x.X >= y.Y && x.X >= z.Z)
        {
            b = Math.Sqrt(Math.Max(0, 1 + x.X - y.Y - z.Z)) / 2;
            (a, c, d) = ((y.Z - z.Y) / (4 * b), (y.X + x.Y) / (4 * b), (z.X + x.Z) / (4 * b));
        }
        else if (y.Y >= z.Z)
        {
            c = Math.Sqrt(Math.Max(0, 1 + y.Y - x.X - z.Z)) / 2;
            (a, b, d) = ((z.X - x.Z) / (4 * c), (y.X + x.Y) / (4 * c), (z.Y + y.Z) / (4 * c));
        }
        else
        {
            d = Math.Sqrt(Math.Max(0, 1 + z.Z - x.X - y.Y)) / 2;
            (a, b, c) = ((x.Y - y.X) / (4 * d), (z.X + x.Z) / (4 * d), (z.Y + y.Z) / (4 * d));
        }

        var sign = a < 0 ? -1 : 1; // a quaternion and its negative are the same rotation; the standard takes a >= 0
        return (sign * new Vector3D(b, c, d), handedness);
    }
}
