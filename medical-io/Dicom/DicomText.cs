using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>Turns the bytes of text attributes into text, by the data set's SpecificCharacterSet (0008,0005).</summary>
/// <remarks>
/// Source: DICOM PS3.3 (2026), section C.12.1.1.2; PS3.5, section 6.1.2. Code extensions (ISO 2022) switch the encoding by escape sequences.
/// Bytes that an encoding does not know become U+FFFD: a name is no reason to refuse a scan.
/// </remarks>
internal sealed class DicomText
{
    private const byte Escape = 0x1B;

    private const string Jis0208 = "jis-x-0208", Jis0212 = "jis-x-0212";

    private static readonly (string Term, string EscapeSequence, string Encoding)[] Sets =
    [
        ("ISO_IR 6", "(B", "us-ascii"), ("ISO_IR 100", "-A", "iso-8859-1"), ("ISO_IR 101", "-B", "iso-8859-2"), ("ISO_IR 109", "-C", "iso-8859-3"),
        ("ISO_IR 110", "-D", "iso-8859-4"), ("ISO_IR 144", "-L", "iso-8859-5"), ("ISO_IR 127", "-G", "iso-8859-6"), ("ISO_IR 126", "-F", "iso-8859-7"),
        ("ISO_IR 138", "-H", "iso-8859-8"), ("ISO_IR 148", "-M", "iso-8859-9"), ("ISO_IR 203", "-b", "iso-8859-15"), ("ISO_IR 166", "-T", "windows-874"),
        ("ISO_IR 13", ")I", "shift_jis"), ("ISO_IR 13", "(J", "shift_jis"), ("ISO 2022 IR 87", "$B", Jis0208), ("ISO 2022 IR 159", "$(D", Jis0212),
        ("ISO 2022 IR 149", "$)C", "euc-kr"), ("ISO 2022 IR 58", "$)A", "gb2312"),
        ("ISO_IR 192", "", "utf-8"), ("GB18030", "", "gb18030"), ("GBK", "", "gbk"),
    ];

    private readonly Charset first;
    private readonly bool isExtended;

    static DicomText() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    private DicomText(Charset first, bool isExtended) => (this.first, this.isExtended) = (first, isExtended);

    private delegate string Decoder(ReadOnlySpan<byte> bytes);

    /// <summary>The default repertoire.</summary>
    public static DicomText Default { get; } = new(Named("iso-8859-1"), isExtended: false);

    /// <summary>The decoder for the values of SpecificCharacterSet; an unknown value is read as Latin 1.</summary>
    /// <remarks>Text begins in a single-byte set whatever the first value says: two-byte sets are entered by escape sequences only.</remarks>
    public static DicomText For(IReadOnlyList<string> values)
    {
        var first = Find(values.Count == 0 ? "" : values[0]);
        return new(first.IsTwoByte ? Default.first : first, values.Count > 1 || values is [['I', 'S', 'O', ' ', '2', '0', '2', '2', ..], ..]);
    }

    /// <summary>Decodes the bytes of one attribute; padding is kept.</summary>
    public string Decode(ReadOnlySpan<byte> bytes)
    {
        if (!isExtended || !bytes.Contains(Escape))
        {
            return first.Decode(bytes);
        }

        var text = new StringBuilder();
        var charset = first;
        while (!bytes.IsEmpty)
        {
            if (bytes[0] == Escape && Switch(bytes[1..]) is ({ } next, var length))
            {
                charset = next;
                bytes = bytes[(1 + length)..];
                continue;
            }

            // Delimiters of values, of name groups and of lines end the reach of an escape sequence.
            var end = bytes[1..].IndexOf(Escape) is >= 0 and var at ? 1 + at : bytes.Length;
            var delimiter = charset.IsTwoByte ? -1 : bytes[..end].IndexOfAny("\\^=\r\n"u8);
            if (delimiter >= 0)
            {
                text.Append(charset.Decode(bytes[..delimiter])).Append((char)bytes[delimiter]);
                charset = first;
                bytes = bytes[(delimiter + 1)..];
                continue;
            }

            text.Append(charset.Decode(bytes[..end]));
            bytes = bytes[end..];
        }

        return text.ToString();
    }

    private static Charset Find(string term) =>
        Named(Sets.FirstOrDefault(s => s.Term == term.Replace("ISO 2022 IR ", "ISO_IR ", StringComparison.Ordinal) || s.Term == term).Encoding ?? "iso-8859-1");

    private static (Charset? Charset, int Length) Switch(ReadOnlySpan<byte> afterEscape)
    {
        foreach (var (_, sequence, name) in Sets)
        {
            if (sequence.Length > 0 && afterEscape.StartsWith(Encoding.ASCII.GetBytes(sequence)))
            {
                return (Named(name), sequence.Length);
            }
        }

        return (null, 0);
    }

    private static Charset Named(string name)
    {
        if (name is Jis0208 or Jis0212)
        {
            // Seven-bit pairs: EUC-JP has the same pairs with the high bits set, behind 8F for JIS X 0212.
            var eucJp = Encoding.GetEncoding("euc-jp");
            byte[] prefix = name == Jis0212 ? [0x8F] : [];
            return new(bytes => eucJp.GetString(WithHighBits(bytes, prefix)), IsTwoByte: true);
        }

        // Stray Latin letters are common where ASCII is announced.
        var encoding = Encoding.GetEncoding(name == "us-ascii" ? "iso-8859-1" : name);
        return new(bytes => encoding.GetString(bytes), IsTwoByte: false);
    }

    private static byte[] WithHighBits(ReadOnlySpan<byte> pairs, byte[] prefix)
    {
        var shifted = new List<byte>(pairs.Length * 3 / 2);
        for (var n = 0; n + 1 < pairs.Length; n += 2)
        {
            shifted.AddRange([.. prefix, (byte)(pairs[n] | 0x80), (byte)(pairs[n + 1] | 0x80)]);
        }

        return [.. shifted];
    }

    private sealed record Charset(Decoder Decode, bool IsTwoByte);
}
