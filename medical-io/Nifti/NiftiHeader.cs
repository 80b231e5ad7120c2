using System.Buffers.Binary;

namespace Credence.MedicalIO.Nifti;

/// <summary>The fields of a NIfTI-1 header that the reader uses.</summary>
/// <remarks>Source: nifti1.h of the NIfTI-1 standard. Offsets are in bytes.</remarks>
/// <param name="Geometry">Size and affine (sform, else qform, else spacing only).</param>
/// <param name="DataType">Type of the stored voxels.</param>
/// <param name="Slope">Stored value x slope + intercept is the voxel; 1 where the file says 0.</param>
/// <param name="Intercept">See <paramref name="Slope"/>.</param>
/// <param name="DataOffset">Position of the first voxel in the file.</param>
/// <param name="IsBigEndian">Byte order of header and voxels.</param>
internal sealed record NiftiHeader(
    VolumeGeometry Geometry, NiftiDataType DataType, double Slope, double Intercept, int DataOffset, bool IsBigEndian)
{
    public const int Size = 348;
    private const int LargestOffset = 1 << 26;
    private const short NoTransform = 0;
    private const string NotNifti = "Check that this is a .nii or .nii.gz file and copy it again.";

    public int BytesPerVoxel => DataType switch
    {
        NiftiDataType.UInt8 or NiftiDataType.Int8 => 1,
        NiftiDataType.Int16 or NiftiDataType.UInt16 => 2,
        NiftiDataType.Int32 or NiftiDataType.UInt32 or NiftiDataType.Float32 => 4,
        _ => 8,
    };

    /// <summary>Parses the first <see cref="Size"/> bytes of a file.</summary>
    /// <exception cref="InvalidImageFileException">The bytes are not a usable NIfTI-1 header.</exception>
    /// <exception cref="UnsupportedImageException">Sound, but not one 3-D volume of plain numbers in one file.</exception>
    public static NiftiHeader Parse(ReadOnlySpan<byte> bytes, string path)
    {
        if (bytes.Length < Size)
        {
            throw new InvalidImageFileException(path, $"{bytes.Length} bytes", $"a NIfTI-1 header of {Size}", NotNifti);
        }

        var sizeOfHeader = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        var isBigEndian = sizeOfHeader == BinaryPrimitives.ReverseEndianness(Size);
        var magic = bytes[344..348];
        if (sizeOfHeader is 540 or 0x1C020000)
        {
            throw new UnsupportedImageException(path, "a NIfTI-2 header", "NIfTI-1", "Convert it with `nifti_tool` or nibabel.");
        }

        if ((!isBigEndian && sizeOfHeader != Size) || !(magic.SequenceEqual("n+1\0"u8) || magic.SequenceEqual("ni1\0"u8)))
        {
            throw new InvalidImageFileException(path,
                $"sizeof_hdr {sizeOfHeader} and magic \"{Printable(magic)}\"", $"sizeof_hdr {Size} and magic \"n+1\"", NotNifti);
        }

        if (magic[1] == (byte)'i')
        {
            throw new UnsupportedImageException(path, "a header without voxels (.hdr/.img pair)", "one .nii file", "Convert it with `nifti_tool` or nibabel.");
        }

        var fields = new Fields(bytes, isBigEndian);
        var size = ReadSize(fields, path);
        var dataType = (NiftiDataType)fields.Int16(70);
        if (!Enum.IsDefined(dataType))
        {
            throw new UnsupportedImageException(path, $"datatype {(int)dataType}", $"one of {string.Join(", ", Enum.GetNames<NiftiDataType>())}",
                "Convert the volume to float32; complex and RGB voxels are not supported.");
        }

        var offset = fields.Single(108);
        if (!(offset >= Size && offset <= LargestOffset && offset == MathF.Floor(offset)))
        {
            throw new InvalidImageFileException(path, $"vox_offset {offset}", $"a whole number from {Size} to {LargestOffset}", NotNifti);
        }

        double slope = fields.Single(112);
        double intercept = fields.Single(116);
        if (slope == 0 || !double.IsFinite(slope))
        {
            (slope, intercept) = (1, 0);
        }

        if (!double.IsFinite(intercept))
        {
            throw new InvalidImageFileException(path, $"scl_inter {intercept}", "a finite number", NotNifti);
        }

        var affine = ReadAffine(fields, path);
        if (!(Math.Abs(affine.Determinant) > 1e-9) || !double.IsFinite(affine.Determinant) || !double.IsFinite(affine.Origin.Length))
        {
            throw new InvalidImageFileException(path, FormattableString.Invariant($"an affine with determinant {affine.Determinant:G3}"), "three independent, finite axes",
                "Correct sform or qform in the header.");
        }

        return new(new(size, affine), dataType, slope, intercept, (int)offset, isBigEndian);
    }

    /// <summary>Writes a header for voxels of <paramref name="dataType"/> in the byte order of this machine's files: little-endian.</summary>
    public static byte[] Format(VolumeGeometry geometry, NiftiDataType dataType, int bytesPerVoxel, double slope, double intercept)
    {
        var bytes = new byte[Size + 4]; // 4 more: no extensions
        void Int16(int at, int value) => BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(at), checked((short)value));
        void Single(int at, double value) => BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at), (float)value);

        var (size, affine) = geometry;
        BinaryPrimitives.WriteInt32LittleEndian(bytes, Size);
        bytes[38] = (byte)'r'; // "regular", kept for Analyze readers
        Int16(40, 3);
        Int16(42, size.Width);
        Int16(44, size.Height);
        Int16(46, size.Depth);
        for (var dimension = 4; dimension <= 7; dimension++)
        {
            Int16(40 + 2 * dimension, 1);
        }

        Int16(70, (int)dataType);
        Int16(72, 8 * bytesPerVoxel);
        Single(108, Size + 4);
        Single(112, slope);
        Single(116, intercept);
        bytes[123] = 2; // millimetres
        "Credence"u8.CopyTo(bytes.AsSpan(148));

        var (quaternion, handedness) = NiftiQuaternion.From(affine);
        Single(76, handedness);
        Single(80, affine.Spacing.X);
        Single(84, affine.Spacing.Y);
        Single(88, affine.Spacing.Z);
        const short ScannerAnatomical = 1;
        if (quaternion is { } q)
        {
            Int16(252, ScannerAnatomical);
            Single(256, q.X);
            Single(260, q.Y);
            Single(264, q.Z);
            Single(268, affine.Origin.X);
            Single(272, affine.Origin.Y);
            Single(276, affine.Origin.Z);
        }

        Int16(254, ScannerAnatomical);
        Vector3D[] columns = [affine.ColumnI, affine.ColumnJ, affine.ColumnK, affine.Origin];
        for (var column = 0; column < 4; column++)
        {
            Single(280 + 4 * column, columns[column].X);
            Single(296 + 4 * column, columns[column].Y);
            Single(312 + 4 * column, columns[column].Z);
        }

        "n+1\0"u8.CopyTo(bytes.AsSpan(344));
        return bytes;
    }

    private static Size3 ReadSize(Fields fields, string path)
    {
        var dimensions = fields.Int16(40);
        var edges = Enumerable.Range(1, 7).Select(d => (int)fields.Int16(40 + 2 * d)).ToArray();
        if (dimensions is < 1 or > 7 || edges.Take(dimensions).Any(edge => edge < 1))
        {
            throw new InvalidImageFileException(path, $"dim {dimensions}: {string.Join(" x ", edges.Take(Math.Clamp((int)dimensions, 1, 7)))}",
                "3 dimensions of at least 1 voxel each", NotNifti);
        }

        if (edges.Take(dimensions).Skip(3).Any(edge => edge > 1))
        {
            throw new UnsupportedImageException(path, $"{dimensions} dimensions: {string.Join(" x ", edges.Take(dimensions))}", "one 3-D volume",
                "Split a series of volumes into one file each.");
        }

        return new(edges[0], dimensions > 1 ? edges[1] : 1, dimensions > 2 ? edges[2] : 1);
    }

    /// <summary>Method 3 (sform), else method 2 (qform), else method 1 (spacing only) of nifti1.h.</summary>
    private static Affine ReadAffine(Fields fields, string path)
    {
        if (fields.Int16(254) > NoTransform)
        {
            Vector3D Column(int c) => new(fields.Single(280 + 4 * c), fields.Single(296 + 4 * c), fields.Single(312 + 4 * c));
            return new(Column(0), Column(1), Column(2), Column(3));
        }

        // A spacing of 0 or below appears in old files; the sign has no meaning.
        double Spacing(int axis) => fields.Single(76 + 4 * axis) is var s && s != 0 && float.IsFinite(s) ? Math.Abs(s) : 1;
        var spacing = new Vector3D(Spacing(1), Spacing(2), Spacing(3));
        if (fields.Int16(252) <= NoTransform)
        {
            return Affine.Scaling(spacing);
        }

        var quaternion = new Vector3D(fields.Single(256), fields.Single(260), fields.Single(264));
        var origin = new Vector3D(fields.Single(268), fields.Single(272), fields.Single(276));
        return NiftiQuaternion.ToAffine(quaternion, fields.Single(76) < 0 ? -1 : 1, spacing, origin)
            ?? throw new InvalidImageFileException(path, FormattableString.Invariant($"quaternion ({quaternion.X}, {quaternion.Y}, {quaternion.Z})"),
                "a vector of length 1 at most", "Correct qform in the header.");
    }

    private static string Printable(ReadOnlySpan<byte> bytes)
    {
        var text = new char[bytes.Length];
        for (var n = 0; n < bytes.Length; n++)
        {
            text[n] = bytes[n] is >= 32 and < 127 ? (char)bytes[n] : '.';
        }

        return new(text);
    }

    private sealed class Fields(ReadOnlySpan<byte> header, bool isBigEndian)
    {
        private readonly byte[] bytes = header.ToArray();

        public short Int16(int at) =>
            isBigEndian ? BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadInt16LittleEndian(bytes.AsSpan(at));

        public float Single(int at) =>
            isBigEndian ? BinaryPrimitives.ReadSingleBigEndian(bytes.AsSpan(at)) : BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(at));
    }
}
