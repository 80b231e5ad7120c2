using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>The top-level attributes of one DICOM file, as bytes that are read when asked for. Sequences are checked and skipped.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), section 7 (data set encoding); PS3.10, section 7 (file format).</remarks>
internal sealed class DicomDataset
{
    private const uint Undefined = 0xFFFFFFFF;
    private const int DeepestNesting = 32;
    private const int PreambleLength = 128;
    private const string ImplicitLittleEndian = "1.2.840.10008.1.2";
    private const string ExplicitLittleEndian = "1.2.840.10008.1.2.1";
    private const string CopyAgain = "The file is damaged; copy it again.";

    private readonly string path;
    private readonly byte[] bytes;
    private readonly Dictionary<DicomTag, (int Offset, int Length)> elements = [];

    private DicomDataset(string path, byte[] bytes) => (this.path, this.bytes) = (path, bytes);

    /// <summary>Whether the bytes carry DICOM's mark after the preamble.</summary>
    public static bool HasMark(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= PreambleLength + 4 && bytes.Slice(PreambleLength, 4).SequenceEqual("DICM"u8);

    /// <summary>Parses a file.</summary>
    /// <exception cref="InvalidImageFileException">Not a DICOM file, or damaged.</exception>
    /// <exception cref="UnsupportedImageException">The pixels are compressed, or the transfer syntax is unknown.</exception>
    public static DicomDataset Parse(string path, byte[] bytes)
    {
        if (!HasMark(bytes))
        {
            throw new InvalidImageFileException(path, "no DICM mark at byte 128", "a DICOM file", "Check that this is a DICOM file.");
        }

        var dataset = new DicomDataset(path, bytes);
        var position = dataset.ReadElements(PreambleLength + 4, bytes.Length, isExplicit: true, stopAfterGroup2: true);
        var syntax = dataset.Text(DicomTag.TransferSyntaxUid) ?? ImplicitLittleEndian;
        if (syntax is not (ImplicitLittleEndian or ExplicitLittleEndian))
        {
            throw new UnsupportedImageException(path, $"transfer syntax {syntax}", "uncompressed little endian (1.2.840.10008.1.2 or 1.2.840.10008.1.2.1)",
                "Decompress it with `gdcmconv --raw`.");
        }

        dataset.ReadElements(position, bytes.Length, syntax == ExplicitLittleEndian, stopAfterGroup2: false);
        return dataset;
    }

    /// <summary>The text of an attribute without padding; null when absent or empty.</summary>
    public string? Text(DicomTag tag) =>
        elements.TryGetValue(tag, out var at) && Encoding.ASCII.GetString(bytes, at.Offset, at.Length).Trim(' ', '\0') is { Length: > 0 } text ? text : null;

    /// <summary>The text of an attribute that must be there.</summary>
    public string RequiredText(DicomTag tag, string name) => Text(tag) ?? throw Missing(tag, name);

    /// <summary>Decimal numbers separated by backslashes; null when absent.</summary>
    public double[]? Decimals(DicomTag tag, int count, string name)
    {
        if (Text(tag) is not { } text)
        {
            return null;
        }

        var numbers = text.Split('\\').Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN).ToArray();
        return numbers.Length == count && numbers.All(double.IsFinite)
            ? numbers
            : throw new InvalidImageFileException(path, $"{name} {tag} is \"{text}\"", $"{count} numbers", CopyAgain);
    }

    /// <summary>Decimal numbers of an attribute that must be there.</summary>
    public double[] RequiredDecimals(DicomTag tag, int count, string name) => Decimals(tag, count, name) ?? throw Missing(tag, name);

    /// <summary>An unsigned 16-bit number; null when absent.</summary>
    public int? Number(DicomTag tag) =>
        elements.TryGetValue(tag, out var at) && at.Length >= 2 ? BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at.Offset)) : null;

    /// <summary>An unsigned 16-bit number that must be there.</summary>
    public int RequiredNumber(DicomTag tag, string name) => Number(tag) ?? throw Missing(tag, name);

    /// <summary>The bytes of an attribute that must be there.</summary>
    public ReadOnlySpan<byte> RequiredBytes(DicomTag tag, string name) =>
        elements.TryGetValue(tag, out var at) ? bytes.AsSpan(at.Offset, at.Length) : throw Missing(tag, name);

    private InvalidImageFileException Missing(DicomTag tag, string name) =>
        new(path, $"no {name} {tag}", "an image with that attribute", "Check that the series is a CT or MR image series.");

    private InvalidImageFileException Damaged(int position, string what) =>
        new(path, $"{what} at byte {position}", "elements that end inside the file", CopyAgain);

    private int ReadElements(int position, int end, bool isExplicit, bool stopAfterGroup2)
    {
        while (position < end)
        {
            if (end - position < 8)
            {
                // Some writers pad the end of the file.
                return bytes.AsSpan(position, end - position).ContainsAnyExcept((byte)0) ? throw Damaged(position, "half an element") : end;
            }

            if (stopAfterGroup2 && BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(position)) != 0x0002)
            {
                return position;
            }

            var (tag, valueRepresentation, length, value) = ReadHeader(position, end, isExplicit);
            if (length == Undefined)
            {
                if (tag == DicomTag.PixelData)
                {
                    throw new UnsupportedImageException(path, "encapsulated (compressed) pixel data", "native pixels", "Decompress it with `gdcmconv --raw`.");
                }

                position = SkipSequence(value, end, isExplicit && valueRepresentation != "UN", depth: 0);
                continue;
            }

            if (length > (uint)(end - value))
            {
                throw Damaged(position, $"element {tag} of {length} bytes, of which {end - value} are left,");
            }

            elements[tag] = (value, (int)length);
            position = value + (int)length;
        }

        return position;
    }

    private (DicomTag Tag, string ValueRepresentation, uint Length, int Value) ReadHeader(int position, int end, bool isExplicit)
    {
        var tag = new DicomTag(BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(position)), BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(position + 2)));
        if (!isExplicit || tag.Group == DicomTag.Item.Group)
        {
            return (tag, "", BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(position + 4)), position + 8);
        }

        var valueRepresentation = Encoding.ASCII.GetString(bytes, position + 4, 2);
        if (!char.IsAsciiLetterUpper(valueRepresentation[0]) || !char.IsAsciiLetterUpper(valueRepresentation[1]))
        {
            throw Damaged(position, $"element {tag} without a value representation");
        }

        if (valueRepresentation is "OB" or "OD" or "OF" or "OL" or "OV" or "OW" or "SQ" or "SV" or "UC" or "UN" or "UR" or "UT" or "UV")
        {
            return end - position < 12
                ? throw Damaged(position, $"half of element {tag}")
                : (tag, valueRepresentation, BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(position + 8)), position + 12);
        }

        return (tag, valueRepresentation, BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(position + 6)), position + 8);
    }

    /// <summary>Skips the items of a sequence of undefined length, up to and with its delimiter.</summary>
    private int SkipSequence(int position, int end, bool isExplicit, int depth)
    {
        if (depth > DeepestNesting)
        {
            throw Damaged(position, $"sequences nested more than {DeepestNesting} deep");
        }

        while (end - position >= 8)
        {
            var (tag, _, length, value) = ReadHeader(position, end, isExplicit: false);
            if (tag == DicomTag.SequenceDelimitation)
            {
                return value;
            }

            if (tag != DicomTag.Item)
            {
                throw Damaged(position, $"{tag} where an item should begin");
            }

            if (length != Undefined)
            {
                if (length > (uint)(end - value))
                {
                    throw Damaged(position, $"an item of {length} bytes");
                }

                position = value + (int)length;
                continue;
            }

            position = SkipItem(value, end, isExplicit, depth);
        }

        throw Damaged(position, "a sequence without an end");
    }

    private int SkipItem(int position, int end, bool isExplicit, int depth)
    {
        while (end - position >= 8)
        {
            var (tag, valueRepresentation, length, value) = ReadHeader(position, end, isExplicit);
            if (tag == DicomTag.ItemDelimitation)
            {
                return value;
            }

            if (length == Undefined)
            {
                position = SkipSequence(value, end, isExplicit && valueRepresentation != "UN", depth + 1);
            }
            else if (length > (uint)(end - value))
            {
                throw Damaged(position, $"element {tag} of {length} bytes");
            }
            else
            {
                position = value + (int)length;
            }
        }

        throw Damaged(position, "an item without an end");
    }
}
