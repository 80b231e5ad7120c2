using System.Buffers.Binary;

namespace Credence.MedicalIO.Nifti;

/// <summary>Where the fields of a header lie, in bytes: NIfTI-1 and NIfTI-2 have the same fields in other widths and places.</summary>
/// <remarks>Source: nifti1.h and nifti2.h of the NIfTI standard.</remarks>
internal sealed record NiftiLayout(
    int Version, int Size, int Magic, int DataType, int BitsPerVoxel, int Dimensions, int PixelDimensions, int DataOffset, int Slope, int Intercept,
    int Units, int Description, int QformCode, int SformCode, int Quaternion, int QuaternionOrigin, int SformRows)
{
    public static readonly NiftiLayout One = new(1, 348, 344, 70, 72, 40, 76, 108, 112, 116, 123, 148, 252, 254, 256, 268, 280);
    public static readonly NiftiLayout Two = new(2, 540, 4, 12, 14, 16, 104, 168, 176, 184, 500, 240, 344, 348, 352, 376, 400);

    /// <summary>Bytes of a dimension, of a real number and of a form code.</summary>
    public (int Dimension, int Real, int Code) Widths => Version == 1 ? (2, 4, 2) : (8, 8, 4);
}

/// <summary>Reads the fields of a header.</summary>
internal sealed class NiftiFields(byte[] bytes, NiftiLayout layout, bool isBigEndian)
{
    public NiftiLayout Layout => layout;

    public short Int16(int at) => isBigEndian ? BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(at));

    public int Int32(int at) => isBigEndian ? BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));

    public long Int64(int at) => isBigEndian ? BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(at));

    /// <summary>Element n of dim: the number of dimensions, then the edges.</summary>
    public long Dimension(int n) => layout.Version == 1 ? Int16(layout.Dimensions + 2 * n) : Int64(layout.Dimensions + 8 * n);

    /// <summary>A real number, the n-th from a place on.</summary>
    public double Real(int at, int n = 0)
    {
        at += n * layout.Widths.Real;
        return layout.Version == 1 ? BitConverter.Int32BitsToSingle(Int32(at)) : BitConverter.Int64BitsToDouble(Int64(at));
    }

    public int FormCode(int at) => layout.Version == 1 ? Int16(at) : Int32(at);

    /// <summary>Where the voxels begin: a real number in NIfTI-1, an integer in NIfTI-2.</summary>
    public double DataOffset => layout.Version == 1 ? Real(layout.DataOffset) : Int64(layout.DataOffset);

    public int Units => layout.Version == 1 ? bytes[layout.Units] : Int32(layout.Units);
}
