namespace Credence.MedicalIO;

/// <summary>Three numbers along the axes of a volume (i, j, k) or of the world (x, y, z); the member says which, and its unit.</summary>
/// <param name="X">Along i or x.</param>
/// <param name="Y">Along j or y.</param>
/// <param name="Z">Along k or z.</param>
public readonly record struct Vector3D(double X, double Y, double Z)
{
    /// <summary>Euclidean length.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public double Length => Math.Sqrt(Dot(this));

    /// <summary>Scalar product.</summary>
    public double Dot(Vector3D other) => X * other.X + Y * other.Y + Z * other.Z;

    /// <summary>Vector product, right-handed.</summary>
    public Vector3D Cross(Vector3D other) =>
        new(Y * other.Z - Z * other.Y, Z * other.X - X * other.Z, X * other.Y - Y * other.X);

    /// <summary>Sum of two vectors.</summary>
    public static Vector3D operator +(Vector3D a, Vector3D b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z);

    /// <summary>Difference of two vectors.</summary>
    public static Vector3D operator -(Vector3D a, Vector3D b) => new(a.X - b.X, a.Y - b.Y, a.Z - b.Z);

    /// <summary>Scaled vector.</summary>
    public static Vector3D operator *(double factor, Vector3D v) => new(factor * v.X, factor * v.Y, factor * v.Z);
}
