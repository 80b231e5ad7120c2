using System.Diagnostics.CodeAnalysis;

namespace Credence.MedicalIO.Nifti;

/// <summary>Voxel types, by their NIfTI codes.</summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "These are the names of the standard.")]
public enum NiftiDataType : short
{
    /// <summary>Unsigned 8-bit integer.</summary>
    UInt8 = 2,

    /// <summary>Signed 16-bit integer.</summary>
    Int16 = 4,

    /// <summary>Signed 32-bit integer.</summary>
    Int32 = 8,

    /// <summary>32-bit floating point.</summary>
    Float32 = 16,

    /// <summary>Two 32-bit floating point numbers: real and imaginary part. Read as a component.</summary>
    Complex64 = 32,

    /// <summary>64-bit floating point.</summary>
    Float64 = 64,

    /// <summary>Red, green and blue, 8 bits each. Read as a component.</summary>
    Rgb24 = 128,

    /// <summary>Signed 8-bit integer.</summary>
    Int8 = 256,

    /// <summary>Unsigned 16-bit integer.</summary>
    UInt16 = 512,

    /// <summary>Unsigned 32-bit integer.</summary>
    UInt32 = 768,

    /// <summary>Signed 64-bit integer.</summary>
    Int64 = 1024,

    /// <summary>Unsigned 64-bit integer.</summary>
    UInt64 = 1280,

    /// <summary>Two 64-bit floating point numbers: real and imaginary part. Read as a component.</summary>
    Complex128 = 1792,

    /// <summary>Red, green, blue and opacity, 8 bits each. Read as a component.</summary>
    Rgba32 = 2304,
}

/// <summary>Which number of a voxel that has several.</summary>
public enum NiftiComponent
{
    /// <summary>The only one; complex and colour voxels are refused.</summary>
    Only,

    /// <summary>Real part of a complex voxel.</summary>
    Real,

    /// <summary>Imaginary part of a complex voxel.</summary>
    Imaginary,

    /// <summary>Red of a colour voxel.</summary>
    Red,

    /// <summary>Green of a colour voxel.</summary>
    Green,

    /// <summary>Blue of a colour voxel.</summary>
    Blue,
}

/// <summary>What is known of a data type.</summary>
internal static class NiftiDataTypes
{
    /// <summary>Bytes of a voxel.</summary>
    public static int Bytes(this NiftiDataType type) => type switch
    {
        NiftiDataType.UInt8 or NiftiDataType.Int8 => 1,
        NiftiDataType.Int16 or NiftiDataType.UInt16 => 2,
        NiftiDataType.Rgb24 => 3,
        NiftiDataType.Int32 or NiftiDataType.UInt32 or NiftiDataType.Float32 or NiftiDataType.Rgba32 => 4,
        NiftiDataType.Complex128 => 16,
        _ => 8,
    };

    /// <summary>The type of one component of a voxel, and how many bytes into the voxel it lies; null when the type has no such component.</summary>
    public static (NiftiDataType Type, int Offset)? Component(this NiftiDataType type, NiftiComponent component) => (type, component) switch
    {
        (NiftiDataType.Complex64, NiftiComponent.Real or NiftiComponent.Imaginary) => (NiftiDataType.Float32, component == NiftiComponent.Real ? 0 : 4),
        (NiftiDataType.Complex128, NiftiComponent.Real or NiftiComponent.Imaginary) => (NiftiDataType.Float64, component == NiftiComponent.Real ? 0 : 8),
        (NiftiDataType.Rgb24 or NiftiDataType.Rgba32, NiftiComponent.Red or NiftiComponent.Green or NiftiComponent.Blue) => (NiftiDataType.UInt8, component - NiftiComponent.Red),
        (NiftiDataType.Complex64 or NiftiDataType.Complex128 or NiftiDataType.Rgb24 or NiftiDataType.Rgba32, _) => null,
        (_, NiftiComponent.Only) => (type, 0),
        _ => null,
    };
}
