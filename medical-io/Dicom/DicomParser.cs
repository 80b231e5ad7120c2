using System.Buffers.Binary;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>Parses the bytes of a data set into attributes.</summary>
/// <remarks>
/// Source: DICOM PS3.5 (2026), section 7. Values are not copied: they are windows on the file's bytes. Memory is at most about 30 times the file, for
/// files made of empty items; sequences deeper than 32 are refused.
/// </remarks>
internal sealed class DicomParser
{
    private const uint Undefined = 0xFFFFFFFF;
    private const int DeepestNesting = 32;
    private const string CopyAgain = "The file is damaged; copy it again.";

    private readonly string path;
    private readonly ReadOnlyMemory<byte> bytes;

    private DicomParser(string path, ReadOnlyMemory<byte> bytes) => (this.path, this.bytes) = (path, bytes);

    private static bool IsPixelData(DicomTag tag) => tag == DicomTag.PixelData || tag == DicomTag.FloatPixelData || tag == DicomTag.DoubleFloatPixelData;

    /// <summary>Parses group 2, the file meta information.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="bytes">From the first element on.</param>
    /// <returns>The attributes, and where the data set begins.</returns>
    /// <exception cref="InvalidImageFileException">Damaged.</exception>
    public static (DicomDataset Meta, int Length) Meta(string path, ReadOnlyMemory<byte> bytes)
    {
        var meta = new DicomDataset(path, TransferSyntax.ExplicitLittleEndian, null);
        var end = new DicomParser(path, bytes).Elements(meta, 0, bytes.Length, TransferSyntax.ExplicitLittleEndian, 0, until: tag => tag.Group != 0x0002);
        return (meta, end);
    }

    /// <summary>Parses a data set.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="bytes">The data set, inflated.</param>
    /// <param name="syntax">How it is encoded.</param>
    /// <param name="isHeaderOnly">Stop at the pixels.</param>
    /// <param name="isPart">Whether the file goes on behind the bytes: then the header is whole only if the pixels follow it.</param>
    /// <exception cref="InvalidImageFileException">Damaged, or cut.</exception>
    public static DicomDataset Parse(string path, ReadOnlyMemory<byte> bytes, TransferSyntax syntax, bool isHeaderOnly, bool isPart)
    {
        var (dataset, parser) = (new DicomDataset(path, syntax, null), new DicomParser(path, bytes));
        var end = parser.Elements(dataset, 0, bytes.Length, syntax, 0, until: tag => isHeaderOnly && IsPixelData(tag));
        return isPart && end == bytes.Length ? throw parser.Damaged(end, "a header that is cut off") : dataset;
    }

    /// <summary>Parses the value of a sequence whose value representation the file did not give.</summary>
    public static IReadOnlyList<DicomDataset> Items(DicomDataset parent, ReadOnlyMemory<byte> value, TransferSyntax syntax) =>
        new DicomParser(parent.Path, value).Sequence(parent, 0, value.Length, isDelimited: false, syntax, 1).Items;

    private InvalidImageFileException Damaged(int position, string what) =>
        new(path, $"{what} at byte {position}", "elements that end inside the file", CopyAgain);

    private ushort UInt16(int at, TransferSyntax syntax) =>
        syntax.IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes.Span[at..]) : BinaryPrimitives.ReadUInt16LittleEndian(bytes.Span[at..]);

    private uint UInt32(int at, TransferSyntax syntax) =>
        syntax.IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes.Span[at..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[at..]);

    /// <summary>Parses elements up to <paramref name="end"/>, to an item's delimiter, or to where <paramref name="until"/> says.</summary>
    private int Elements(DicomDataset dataset, int position, int end, TransferSyntax syntax, int depth, Func<DicomTag, bool>? until = null, bool isDelimited = false)
    {
        if (depth > DeepestNesting)
        {
            throw Damaged(position, $"sequences nested more than {DeepestNesting} deep");
        }

        while (position < end)
        {
            if (end - position < 8)
            {
                // Some writers pad the end of the file.
                return bytes.Span[position..end].ContainsAnyExcept((byte)0) ? throw Damaged(position, "half an element") : end;
            }

            if (until?.Invoke(new(UInt16(position, syntax), UInt16(position + 2, syntax))) == true)
            {
                return position; // before its header is read: what follows group 2 can be in another syntax
            }

            var (tag, representation, length, value) = Header(position, end, syntax);
            if (tag == DicomTag.ItemDelimitation && isDelimited)
            {
                return value;
            }

            if (length == Undefined && tag == DicomTag.PixelData && representation is "OB" or "OW")
            {
                (var fragments, position) = Fragments(value, end, syntax);
                dataset.Set(tag, new(representation, default, Fragments: fragments));
                continue;
            }

            if (length == Undefined || representation == "SQ")
            {
                if (length != Undefined && length > (uint)(end - value))
                {
                    throw Damaged(position, $"sequence {tag} of {length} bytes, of which {end - value} are left,");
                }

                // A sequence whose VR is UN is written in implicit little endian (PS3.5, section 6.2.2, note 4).
                var inner = representation == "UN" ? TransferSyntax.ImplicitLittleEndian : syntax;
                (var items, position) = Sequence(dataset, value, length == Undefined ? end : value + (int)length, length == Undefined, inner, depth + 1);
                dataset.Set(tag, new("SQ", default, items));
                continue;
            }

            if (length > (uint)(end - value))
            {
                throw Damaged(position, $"element {tag} of {length} bytes, of which {end - value} are left,");
            }

            dataset.Set(tag, new(representation, bytes.Slice(value, (int)length)));
            position = value + (int)length;
        }

        return isDelimited ? throw Damaged(position, "an item without an end") : position;
    }

    private (IReadOnlyList<DicomDataset> Items, int End) Sequence(DicomDataset parent, int position, int end, bool isDelimited, TransferSyntax syntax, int depth)
    {
        var items = new List<DicomDataset>();
        while (position < end)
        {
            if (end - position < 8)
            {
                throw Damaged(position, "half an item");
            }

            var (tag, _, length, value) = Header(position, end, syntax);
            if (tag == DicomTag.SequenceDelimitation && isDelimited)
            {
                return (items, value);
            }

            if (tag != DicomTag.Item)
            {
                throw Damaged(position, $"{tag} where an item should begin");
            }

            if (length != Undefined && length > (uint)(end - value))
            {
                throw Damaged(position, $"an item of {length} bytes, of which {end - value} are left,");
            }

            var item = new DicomDataset(path, syntax, parent);
            position = length == Undefined
                ? Elements(item, value, end, syntax, depth, isDelimited: true)
                : Elements(item, value, value + (int)length, syntax, depth);
            items.Add(item);
        }

        return isDelimited ? throw Damaged(position, "a sequence without an end") : (items, position);
    }

    private (IReadOnlyList<ReadOnlyMemory<byte>> Fragments, int End) Fragments(int position, int end, TransferSyntax syntax)
    {
        var fragments = new List<ReadOnlyMemory<byte>>();
        while (end - position >= 8)
        {
            var (tag, _, length, value) = Header(position, end, syntax);
            if (tag == DicomTag.SequenceDelimitation)
            {
                return (fragments, value);
            }

            if (tag != DicomTag.Item || length > (uint)(end - value))
            {
                throw Damaged(position, tag == DicomTag.Item ? $"a fragment of {length} bytes, of which {end - value} are left," : $"{tag} where a fragment should begin");
            }

            fragments.Add(bytes.Slice(value, (int)length));
            position = value + (int)length;
        }

        // Some writers leave out the last delimiter; nothing of the image is lost by that.
        return position == end && fragments.Count > 1 ? (fragments, end) : throw Damaged(position, "pixel data without an end");
    }

    private (DicomTag Tag, string ValueRepresentation, uint Length, int Value) Header(int position, int end, TransferSyntax syntax)
    {
        var tag = new DicomTag(UInt16(position, syntax), UInt16(position + 2, syntax));
        if (!syntax.IsExplicit || tag.Group == DicomTag.Item.Group)
        {
            var implied = tag == DicomTag.PixelData ? "OW" : "";
            return (tag, implied, UInt32(position + 4, syntax), position + 8);
        }

        var (first, second) = (bytes.Span[position + 4], bytes.Span[position + 5]);
        if (first is < (byte)'A' or > (byte)'Z' || second is < (byte)'A' or > (byte)'Z')
        {
            throw Damaged(position, $"element {tag} without a value representation");
        }

        var representation = Names[(first - 'A') * 26 + second - 'A'];
        if (representation is "OB" or "OD" or "OF" or "OL" or "OV" or "OW" or "SQ" or "SV" or "UC" or "UN" or "UR" or "UT" or "UV")
        {
            return end - position < 12
                ? throw Damaged(position, $"half of element {tag}")
                : (tag, representation, UInt32(position + 8, syntax), position + 12);
        }

        return (tag, representation, UInt16(position + 6, syntax), position + 8);
    }

    /// <summary>All pairs of letters, so that parsing makes no strings.</summary>
    private static readonly string[] Names = [.. from a in Enumerable.Range('A', 26) from b in Enumerable.Range('A', 26) select $"{(char)a}{(char)b}"];
}
