namespace Credence.MedicalIO;

/// <summary>Numbers of voxels along the three axes of a volume or patch.</summary>
/// <param name="Width">Voxels along i (W), which runs fastest in memory.</param>
/// <param name="Height">Voxels along j (H).</param>
/// <param name="Depth">Voxels along k (D), slices.</param>
public readonly record struct Size3(int Width, int Height, int Depth)
{
    /// <summary>Width x Height x Depth.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public long Count => (long)Width * Height * Depth;

    /// <summary>Written as in <c>182 x 218 x 182</c>.</summary>
    public override string ToString() => $"{Width} x {Height} x {Depth}";
}
