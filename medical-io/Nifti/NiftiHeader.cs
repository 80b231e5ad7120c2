using System.Buffers.Binary;

namespace Credence.MedicalIO.Nifti;

/// <summary>The fields of a NIfTI header that the reader uses.</summary>
/// <param name="Version">1 or 2.</param>
/// <param name="Geometry">Size and affine (sform, else qform, else spacing only), mm.</param>
/// <param name="Volumes">3-D volumes, along all dimensions above the third.</param>
/// <param name="DataType">Type of the stored voxels.</param>
/// <param name="Slope">Stored value x slope + intercept is the voxel; 1 where the file says 0.</param>
/// <param name="Intercept">See <paramref name="Slope"/>.</param>
/// <param name="DataOffset">Position of the first voxel in its file.</param>
/// <param name="IsBigEndian">Byte order of header and voxels.</param>
/// <param name="IsPair">Voxels lie in a file of their own.</param>
/// <param name="Forms">Codes of the forms that place the voxels where <paramref name="Geometry"/> does.</param>
/// <param name="Problems">What a reader should know.</param>
internal sealed record NiftiHeader(
    int Version, VolumeGeometry Geometry, int Volumes, NiftiDataType DataType, double Slope, double Intercept, int DataOffset, bool IsBigEndian, bool IsPair,
    NiftiForms Forms, IReadOnlyList<string> Problems)
{
    private const int LargestOffset = 1 << 26;
    private const double LargestPosition = 1e7, SmallestSpacing = 1e-6, LargestSpacing = 1e6; // mm
    private const double LargestDisagreement = 0.1; // mm, between corners by sform and qform
    private const string NotNifti = "Check that this is a NIfTI file and copy it again.";

    /// <summary>Whether the axes of the volume are not orthogonal.</summary>
    public bool IsSheared => Geometry.Affine.IsSheared;

    /// <summary>The layout of a file by its first four bytes; null when they are not those of a header.</summary>
    public static (NiftiLayout Layout, bool IsBigEndian)? Find(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 4)
        {
            return null;
        }

        var size = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        foreach (var layout in new[] { NiftiLayout.One, NiftiLayout.Two })
        {
            if (size == layout.Size || size == BinaryPrimitives.ReverseEndianness(layout.Size))
            {
                return (layout, size != layout.Size);
            }
        }

        return null;
    }

    /// <summary>Parses a header.</summary>
    /// <param name="bytes">The first bytes of the file, as many as there are up to 540.</param>
    /// <param name="path">For messages.</param>
    /// <exception cref="InvalidImageFileException">The bytes are not a usable header.</exception>
    /// <exception cref="UnsupportedImageException">Sound, but of a data type that is not read.</exception>
    public static NiftiHeader Parse(ReadOnlySpan<byte> bytes, string path)
    {
        if (Find(bytes) is not var (layout, isBigEndian) || bytes.Length < layout.Size)
        {
            throw new InvalidImageFileException(path,
                bytes.Length < NiftiLayout.One.Size ? $"{bytes.Length} bytes" : $"sizeof_hdr {BinaryPrimitives.ReadInt32LittleEndian(bytes)}",
                $"a NIfTI header of {NiftiLayout.One.Size} or {NiftiLayout.Two.Size} bytes", NotNifti);
        }

        var magic = bytes.Slice(layout.Magic, 4);
        var digit = layout.Version == 1 ? (byte)'1' : (byte)'2';
        var isPair = magic[1] == (byte)'i';
        if (magic[0] != (byte)'n' || magic[2] != digit || magic[1] is not ((byte)'+' or (byte)'i'))
        {
            throw new InvalidImageFileException(path, $"sizeof_hdr {layout.Size} and magic \"{Printable(magic)}\"", $"magic \"n+{(char)digit}\" or \"ni{(char)digit}\"",
                "Check that this is a NIfTI file; an Analyze 7.5 file does not say which side is left, convert it where that is known.");
        }

        var fields = new NiftiFields(bytes[..layout.Size].ToArray(), layout, isBigEndian);
        var (size, volumes) = ReadSize(fields, path);
        var dataType = (NiftiDataType)fields.Int16(layout.DataType);
        if (!Enum.IsDefined(dataType))
        {
            throw new UnsupportedImageException(path, $"datatype {(int)dataType}", $"one of {string.Join(", ", Enum.GetNames<NiftiDataType>())}", "Convert the volume to float32.");
        }

        var offset = fields.DataOffset;
        var smallest = isPair ? 0 : layout.Size;
        if (!(offset >= smallest && offset <= LargestOffset && offset == Math.Floor(offset)))
        {
            throw new InvalidImageFileException(path, FormattableString.Invariant($"vox_offset {offset}"), $"a whole number from {smallest} to {LargestOffset}", NotNifti);
        }

        var (slope, intercept) = (fields.Real(layout.Slope), fields.Real(layout.Intercept));
        if (slope == 0 || !double.IsFinite(slope))
        {
            (slope, intercept) = (1, 0);
        }

        if (!double.IsFinite(intercept))
        {
            throw new InvalidImageFileException(path, $"scl_inter {intercept}", "a finite number", NotNifti);
        }

        var problems = new List<string>();
        var affine = ReadAffine(fields, size, path, problems, out var forms);
        if (!(Math.Abs(affine.Determinant) > 1e-9) || !double.IsFinite(affine.Determinant) || !double.IsFinite(affine.Origin.Length))
        {
            throw new InvalidImageFileException(path, FormattableString.Invariant($"an affine with determinant {affine.Determinant:G3}"), "three independent, finite axes",
                "Correct sform or qform in the header.");
        }

        double[] spacings = [affine.Spacing.X, affine.Spacing.Y, affine.Spacing.Z];
        if (spacings.Min() < SmallestSpacing || spacings.Max() > LargestSpacing || affine.Origin.Length > LargestPosition)
        {
            throw new InvalidImageFileException(path, FormattableString.Invariant($"a grid of {spacings[0]:G3} x {spacings[1]:G3} x {spacings[2]:G3} mm at {affine.Origin.Length:G3} mm"), "millimetres",
                "Correct sform or qform in the header.");
        }

        var header = new NiftiHeader(layout.Version, new(size, affine), volumes, dataType, slope, intercept, (int)offset, isBigEndian, isPair, forms, problems);
        if (dataType is NiftiDataType.Int32 or NiftiDataType.UInt32 or NiftiDataType.Int64 or NiftiDataType.UInt64)
        {
            problems.Add($"voxels of type {dataType}: numbers beyond 16 777 216 are rounded to the 24 bits of float32");
        }

        if (header.IsSheared)
        {
            problems.Add(FormattableString.Invariant($"sheared axes, {Math.Acos(affine.Shear) * 180 / Math.PI:F1} degrees apart where 90 is expected"));
        }

        return header;
    }

    private static (Size3 Size, int Volumes) ReadSize(NiftiFields fields, string path)
    {
        var dimensions = fields.Dimension(0);
        var edges = Enumerable.Range(1, 7).Select(n => fields.Dimension(n)).ToArray();
        if (dimensions is < 1 or > 7 || edges.Take((int)dimensions).Any(edge => edge is < 1 or > int.MaxValue))
        {
            throw new InvalidImageFileException(path, $"dim {dimensions}: {string.Join(" x ", edges.Take((int)Math.Clamp(dimensions, 1, 7)))}",
                "3 dimensions of at least 1 voxel each", NotNifti);
        }

        int Edge(int n) => n < dimensions ? (int)edges[n] : 1;
        if ((double)Edge(0) * Edge(1) * Edge(2) > Array.MaxLength)
        {
            throw new InvalidImageFileException(path, $"dim {dimensions}: {string.Join(" x ", edges.Take((int)dimensions))}", "a volume of at most 2 billion voxels", NotNifti);
        }

        var volumes = edges.Take((int)dimensions).Skip(3).Aggregate(1.0, (a, b) => a * b);
        return volumes <= int.MaxValue
            ? (new(Edge(0), Edge(1), Edge(2)), (int)volumes)
            : throw new InvalidImageFileException(path, $"dim {dimensions}: {string.Join(" x ", edges.Take((int)dimensions))}", "fewer volumes", NotNifti);
    }

    /// <summary>Method 3 (sform), else method 2 (qform), else method 1 (spacing only) of nifti1.h; metres and micrometres become millimetres.</summary>
    private static Affine ReadAffine(NiftiFields fields, Size3 size, string path, List<string> problems, out NiftiForms forms)
    {
        var layout = fields.Layout;
        forms = new(fields.FormCode(layout.QformCode), fields.FormCode(layout.SformCode));
        var unit = (fields.Units & 7) switch { 1 => 1000.0, 3 => 1e-3, _ => 1 };
        Affine InMillimetres(Affine a) => unit == 1 ? a : new(unit * a.ColumnI, unit * a.ColumnJ, unit * a.ColumnK, unit * a.Origin);

        // A spacing of 0 or below appears in old files; the sign has no meaning.
        double Spacing(int axis) => fields.Real(layout.PixelDimensions, axis) is var s && s != 0 && double.IsFinite(s) ? Math.Abs(s) : 1;
        var spacing = new Vector3D(Spacing(1), Spacing(2), Spacing(3));
        Affine? qform = null;
        if (fields.FormCode(layout.QformCode) > 0)
        {
            var quaternion = new Vector3D(fields.Real(layout.Quaternion), fields.Real(layout.Quaternion, 1), fields.Real(layout.Quaternion, 2));
            var origin = new Vector3D(fields.Real(layout.QuaternionOrigin), fields.Real(layout.QuaternionOrigin, 1), fields.Real(layout.QuaternionOrigin, 2));
            qform = NiftiQuaternion.ToAffine(quaternion, fields.Real(layout.PixelDimensions) < 0 ? -1 : 1, spacing, origin);
            if (qform is null)
            {
                problems.Add(FormattableString.Invariant($"qform ignored: its quaternion ({quaternion.X}, {quaternion.Y}, {quaternion.Z}) is longer than 1"));
            }
        }

        if (fields.FormCode(layout.SformCode) > 0)
        {
            Vector3D Column(int c) => new(fields.Real(layout.SformRows, c), fields.Real(layout.SformRows, 4 + c), fields.Real(layout.SformRows, 8 + c));
            var sform = InMillimetres(new(Column(0), Column(1), Column(2), Column(3)));
            if (qform is { } other && new VolumeGeometry(size, sform).CornerDistance(new(size, InMillimetres(other))) is var distance && distance > LargestDisagreement)
            {
                problems.Add(FormattableString.Invariant($"sform and qform place a corner {distance:F1} mm apart; sform is used"));
                forms = forms with { Qform = 0 };
            }

            return sform;
        }

        if (qform is { } found)
        {
            return InMillimetres(found);
        }

        if (fields.FormCode(layout.QformCode) > 0)
        {
            throw new InvalidImageFileException(path, problems[0], "a vector of length 1 at most", "Correct qform in the header.");
        }

        problems.Add("neither sform nor qform: the place and which side is left are not known");
        return InMillimetres(Affine.Scaling(spacing));
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
}
