using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>One attribute of a data set.</summary>
/// <param name="ValueRepresentation">Two letters; empty where the transfer syntax does not say it.</param>
/// <param name="Value">The bytes of the value; empty for a sequence that was parsed.</param>
/// <param name="Items">The items of a sequence of undefined length or with VR SQ; of others set when they are first asked for.</param>
/// <param name="Fragments">The fragments of encapsulated pixel data; the first is the offset table.</param>
internal sealed record DicomElement(
    string ValueRepresentation, ReadOnlyMemory<byte> Value, IReadOnlyList<DicomDataset>? Items = null, IReadOnlyList<ReadOnlyMemory<byte>>? Fragments = null)
{
    public IReadOnlyList<DicomDataset>? Items { get; set; } = Items;
}

/// <summary>A data set: attributes by tag, values decoded when asked for. Items of sequences are data sets themselves.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), section 6 (value encoding).</remarks>
internal sealed class DicomDataset
{
    private const int LongestNumber = 64; // characters, of which the standard allows 16
    private const string CopyAgain = "The file is damaged; copy it again.";

    private readonly string path;
    private readonly TransferSyntax syntax;
    private readonly Dictionary<DicomTag, DicomElement> elements = [];
    private readonly DicomDataset? parent;
    private DicomText? text;

    /// <summary>An empty data set; the parser fills it.</summary>
    internal DicomDataset(string path, TransferSyntax syntax, DicomDataset? parent) => (this.path, this.syntax, this.parent) = (path, syntax, parent);

    /// <summary>The file that the data set is from.</summary>
    public string Path => path;

    /// <summary>How the file is encoded.</summary>
    public TransferSyntax Syntax => syntax;

    private DicomText Charset => text ??= elements.TryGetValue(DicomTag.SpecificCharacterSet, out var sets)
        ? DicomText.For(Ascii(sets).Split('\\', StringSplitOptions.TrimEntries))
        : parent?.Charset ?? DicomText.Default;

    internal void Set(DicomTag tag, DicomElement element) => elements[tag] = element;

    /// <summary>Whether the attribute is there, empty or not.</summary>
    public bool Has(DicomTag tag) => elements.ContainsKey(tag);

    /// <summary>The attribute; null when absent.</summary>
    public DicomElement? Element(DicomTag tag) => elements.GetValueOrDefault(tag);

    /// <summary>The tag of a private attribute, in the block that its creator reserved (PS3.5, section 7.8.1); in block 10, the usual one, where the creators of the group were taken away.</summary>
    /// <param name="group">Odd.</param>
    /// <param name="creator">Who defined the attribute.</param>
    /// <param name="element">Within the block.</param>
    public DicomTag Private(ushort group, string creator, byte element)
    {
        var hasCreators = false;
        for (ushort block = 0x10; block <= 0xFF; block++)
        {
            if (Text(new(group, block)) is { } found)
            {
                hasCreators = true;
                if (found == creator)
                {
                    return new(group, (ushort)(block << 8 | element));
                }
            }
        }

        return hasCreators ? default : new(group, (ushort)(0x1000 | element));
    }

    /// <summary>The text of an attribute without padding; null when absent or empty.</summary>
    /// <remarks>The character set concerns names and descriptions only (PS3.5, section 6.1.2.3).</remarks>
    public string? Text(DicomTag tag) =>
        elements.TryGetValue(tag, out var element)
            && (element.ValueRepresentation is "AE" or "AS" or "CS" or "DA" or "DS" or "DT" or "IS" or "TM" or "UI" or "UR" ? DicomText.Default : Charset).Decode(element.Value.Span).Trim(' ', '\0') is { Length: > 0 } value ? value : null;

    /// <summary>The values of an attribute, which backslashes divide; empty when absent.</summary>
    public string[] Texts(DicomTag tag) => Text(tag)?.Split('\\', StringSplitOptions.TrimEntries) ?? [];

    /// <summary>The text of an attribute that must be there.</summary>
    public string RequiredText(DicomTag tag, string name) => Text(tag) ?? throw Missing(tag, name);

    /// <summary>Numbers, written as decimal text (DS, IS) or as binary floating point (FD, FL); null when absent.</summary>
    public double[]? Decimals(DicomTag tag, int count, string name)
    {
        if (!elements.TryGetValue(tag, out var element) || element.Value.IsEmpty)
        {
            return null;
        }

        if (element.ValueRepresentation is not ("FD" or "FL") && element.Value.Length > count * LongestNumber)
        {
            throw new InvalidImageFileException(path, $"{name} {tag} of {element.Value.Length} characters", count == 1 ? "a number" : $"{count} numbers", CopyAgain); // which each of thousands of frames would decode
        }

        double[] numbers = element.ValueRepresentation switch
        {
            "FD" => Binary(element.Value.Span, 8, bytes => syntax.IsBigEndian ? BinaryPrimitives.ReadDoubleBigEndian(bytes) : BinaryPrimitives.ReadDoubleLittleEndian(bytes)),
            "FL" => Binary(element.Value.Span, 4, bytes => syntax.IsBigEndian ? (double)BinaryPrimitives.ReadSingleBigEndian(bytes) : BinaryPrimitives.ReadSingleLittleEndian(bytes)),
            _ => Array.ConvertAll(Texts(tag), part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN),
        };
        if (numbers.Length == 0)
        {
            return null;
        }

        return numbers.Length == count && Array.TrueForAll(numbers, double.IsFinite)
            ? numbers
            : throw new InvalidImageFileException(path, $"{name} {tag} is \"{Text(tag)}\"", count == 1 ? "a number" : $"{count} numbers", CopyAgain);
    }

    /// <summary>One number; null when absent.</summary>
    public double? Decimal(DicomTag tag, string name) => Decimals(tag, 1, name)?[0];

    /// <summary>One decimal number of text that is only a label; null when absent or malformed.</summary>
    public double? Label(DicomTag tag) =>
        elements.TryGetValue(tag, out var element) && double.TryParse(Number(element), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    /// <summary>One number of VR FD that is only a label, whether the file gives its VR or not; null when absent or malformed.</summary>
    public double? DoubleLabel(DicomTag tag) =>
        elements.TryGetValue(tag, out var element) && element.Value.Length == 8
            && (syntax.IsBigEndian ? BinaryPrimitives.ReadDoubleBigEndian(element.Value.Span) : BinaryPrimitives.ReadDoubleLittleEndian(element.Value.Span)) is var number && double.IsFinite(number) ? number : null;

    /// <summary>Numbers of an attribute that must be there.</summary>
    public double[] RequiredDecimals(DicomTag tag, int count, string name) => Decimals(tag, count, name) ?? throw Missing(tag, name);

    /// <summary>A whole number: text for IS, else binary and unsigned (US, UL) unless the value representation is SS or SL; null when absent or malformed.</summary>
    public int? Integer(DicomTag tag)
    {
        if (!elements.TryGetValue(tag, out var element))
        {
            return null;
        }

        var value = element.Value.Span;
        return (element.ValueRepresentation, value.Length) switch
        {
            ("IS" or "DS", _) => int.TryParse(Number(element).Split('\\')[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null,
            ("SS", >= 2) => (short)UInt16(value),
            ("UL" or "SL", >= 4) => (int)(syntax.IsBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(value) : BinaryPrimitives.ReadUInt32LittleEndian(value)),
            (_, >= 2) => UInt16(value),
            _ => null,
        };
    }

    /// <summary>A whole number written as text (IS), whatever value representation the file gives it; null when absent or malformed.</summary>
    public int? IntegerText(DicomTag tag) =>
        elements.TryGetValue(tag, out var element) && int.TryParse(Number(element).Split('\\')[0], NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>A whole number that must be there.</summary>
    public int RequiredInteger(DicomTag tag, string name) => Integer(tag) ?? throw Missing(tag, name);

    /// <summary>The 16-bit numbers of an attribute; empty when absent.</summary>
    public ushort[] UInt16s(DicomTag tag) =>
        elements.TryGetValue(tag, out var element) ? Binary(element.Value.Span, 2, UInt16) : [];

    /// <summary>The items of a sequence; empty when absent.</summary>
    /// <exception cref="InvalidImageFileException">The bytes are not items.</exception>
    public IReadOnlyList<DicomDataset> Items(DicomTag tag) =>
        elements.TryGetValue(tag, out var element) ? element.Items ??= DicomParser.Items(this, element.Value, element.ValueRepresentation == "UN" ? TransferSyntax.ImplicitLittleEndian : syntax) : [];

    /// <summary>The only or first item of a sequence; null when absent or empty.</summary>
    public DicomDataset? Item(DicomTag tag) => Items(tag) is [var first, ..] ? first : null;

    /// <summary>The error for an attribute that is not there.</summary>
    public InvalidImageFileException Missing(DicomTag tag, string name) =>
        new(path, $"no {name} {tag}", "an image with that attribute", "Check that the series is a CT or MR image series.");

    private static string Number(DicomElement element) => Encoding.ASCII.GetString(element.Value.Span[..Math.Min(LongestNumber, element.Value.Length)]).Trim(' ', '\0');

    private static string Ascii(DicomElement element) => Encoding.ASCII.GetString(element.Value.Span).Trim(' ', '\0');

    private ushort UInt16(ReadOnlySpan<byte> bytes) =>
        syntax.IsBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static T[] Binary<T>(ReadOnlySpan<byte> bytes, int size, Func<ReadOnlySpan<byte>, T> read)
    {
        var values = new T[bytes.Length / size];
        for (var n = 0; n < values.Length; n++)
        {
            values[n] = read(bytes.Slice(n * size, size));
        }

        return values;
    }
}
