using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>Siemens' way to keep a volume in one classic image: slices as tiles, row by row.</summary>
/// <param name="Slices">Tiles that are slices.</param>
/// <param name="TilesAcross">Tiles along a row and along a column.</param>
/// <param name="Normal">Direction from slice to slice, unit, LPS.</param>
/// <remarks>Not in the standard. Source: the layout as dcm2niix and nibabel (nicom/dwiparams, nicom/csareader documentation) describe it.</remarks>
internal sealed record SiemensMosaic(int Slices, int TilesAcross, Vector3D Normal)
{
    private const int MostSlices = 1024;
    private const int NameLength = 64, EntryLength = 84, ItemHeaderLength = 16;

    /// <summary>The layout of a mosaic; null for any other image.</summary>
    /// <exception cref="InvalidImageFileException">It says it is a mosaic, but not of how many slices.</exception>
    public static SiemensMosaic? Read(DicomDataset dataset, int rows, int columns, Vector3D planeNormal)
    {
        if (!dataset.Texts(DicomTag.ImageType).Contains("MOSAIC"))
        {
            return null;
        }

        var header = dataset.Element(dataset.Private(0x0029, "SIEMENS CSA HEADER", 0x10))?.Value ?? default;
        var slices = dataset.Integer(dataset.Private(0x0019, "SIEMENS MR HEADER", 0x0A)) ?? (int?)Numbers(header.Span, "NumberOfImagesInMosaic").Cast<double?>().FirstOrDefault();
        var across = (int)Math.Ceiling(Math.Sqrt(slices ?? 0));
        if (slices is not (> 0 and <= MostSlices) || rows % across != 0 || columns % across != 0)
        {
            throw new InvalidImageFileException(dataset.Path, $"a Siemens mosaic of {columns} x {rows} pixels and {slices?.ToString(CultureInfo.InvariantCulture) ?? "unknown many"} slices",
                "tiles that divide the image", "Export the series again with its private attributes.");
        }

        var normal = Numbers(header.Span, "SliceNormalVector");
        return normal is [var x, var y, var z] && Math.Abs(new Vector3D(x, y, z).Dot(planeNormal)) > 0.99
            ? new(slices.Value, across, new(x, y, z))
            : throw new UnsupportedImageException(dataset.Path, "a Siemens mosaic without SliceNormalVector, so that the order of its slices is not known", "the private attribute (0029,xx10)",
                "Export the series again with its private attributes.");
    }

    /// <summary>The plane of one slice: ImagePositionPatient is that of the mosaic's corner, as if it were one large slice about the same centre.</summary>
    public DicomPlane Plane(DicomPlane mosaic, int rows, int columns, int slice, double spacing)
    {
        var corner = mosaic.Position
            + 0.5 * (columns - columns / TilesAcross) * mosaic.ColumnSpacing * mosaic.RowDirection
            + 0.5 * (rows - rows / TilesAcross) * mosaic.RowSpacing * mosaic.ColumnDirection;
        return mosaic with { Position = corner + slice * spacing * Normal };
    }

    /// <summary>The numbers of an entry of a CSA header of the kind SV10; empty when it is not there.</summary>
    private static double[] Numbers(ReadOnlySpan<byte> header, string name)
    {
        if (header.Length < 16 || !header.StartsWith("SV10"u8))
        {
            return [];
        }

        var entries = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        var at = 16;
        for (var entry = 0; entry < entries && header.Length - at >= EntryLength; entry++)
        {
            var entryName = header.Slice(at, NameLength);
            var isWanted = Encoding.ASCII.GetString(entryName[..Math.Max(0, entryName.IndexOf((byte)0))]) == name;
            var items = BinaryPrimitives.ReadInt32LittleEndian(header[(at + 76)..]);
            at += EntryLength;
            var numbers = new List<double>();
            for (var item = 0; item < items && header.Length - at >= ItemHeaderLength; item++)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(header[(at + 4)..]);
                at += ItemHeaderLength;
                if (length < 0 || length > header.Length - at)
                {
                    return [];
                }

                if (isWanted && double.TryParse(Encoding.ASCII.GetString(header.Slice(at, length)).Split('\0')[0].Trim(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                {
                    numbers.Add(number);
                }

                at += (length + 3) / 4 * 4;
            }

            if (isWanted)
            {
                return [.. numbers];
            }
        }

        return [];
    }
}
