namespace Credence.MedicalIO.Dicom;

/// <summary>How the pixels of a file are stored.</summary>
internal enum PixelEncoding
{
    /// <summary>Uncompressed.</summary>
    Native,

    /// <summary>Run lengths (PS3.5, annex G).</summary>
    RunLength,

    /// <summary>JPEG (ISO/IEC 10918-1), sequential or lossless.</summary>
    Jpeg,

    /// <summary>JPEG-LS (ISO/IEC 14495-1).</summary>
    JpegLs,

    /// <summary>JPEG 2000 (ISO/IEC 15444-1).</summary>
    Jpeg2000,

    /// <summary>An encoding that this version does not decode.</summary>
    Unknown,
}

/// <summary>How a data set is written as bytes.</summary>
/// <param name="Uid">Its UID.</param>
/// <param name="Name">Its name in the standard.</param>
/// <param name="IsExplicit">Elements carry their value representation.</param>
/// <param name="IsBigEndian">Numbers have their most significant byte first.</param>
/// <param name="IsDeflated">Everything after the file meta information is deflated.</param>
/// <param name="Pixels">Encoding of the pixels.</param>
/// <param name="IsLossy">Whether pixels have lost something; null where they may have.</param>
/// <remarks>Source: DICOM PS3.5 (2026), section 10 and annex A; names from PS3.6, table A-1.</remarks>
internal sealed record TransferSyntax(
    string Uid, string Name, bool IsExplicit = true, bool IsBigEndian = false, bool IsDeflated = false, PixelEncoding Pixels = PixelEncoding.Native, bool? IsLossy = false)
{
    public static readonly TransferSyntax ImplicitLittleEndian = new("1.2.840.10008.1.2", "Implicit VR Little Endian", IsExplicit: false);

    public static readonly TransferSyntax ExplicitLittleEndian = new("1.2.840.10008.1.2.1", "Explicit VR Little Endian");

    public static readonly TransferSyntax ExplicitBigEndian = new("1.2.840.10008.1.2.2", "Explicit VR Big Endian", IsBigEndian: true);

    /// <summary>All that are read.</summary>
    public static IReadOnlyList<TransferSyntax> All { get; } =
    [
        ImplicitLittleEndian,
        ExplicitLittleEndian,
        new("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian", IsDeflated: true),
        ExplicitBigEndian,
        new("1.2.840.10008.1.2.5", "RLE Lossless", Pixels: PixelEncoding.RunLength),
        new("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)", Pixels: PixelEncoding.Jpeg, IsLossy: true),
        new("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 & 4)", Pixels: PixelEncoding.Jpeg, IsLossy: true),
        new("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)", Pixels: PixelEncoding.Jpeg),
        new("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])", Pixels: PixelEncoding.Jpeg),
        new("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression", Pixels: PixelEncoding.JpegLs),
        new("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless) Image Compression", Pixels: PixelEncoding.JpegLs, IsLossy: null),
        new("1.2.840.10008.1.2.4.90", "JPEG 2000 Image Compression (Lossless Only)", Pixels: PixelEncoding.Jpeg2000),
        new("1.2.840.10008.1.2.4.91", "JPEG 2000 Image Compression", Pixels: PixelEncoding.Jpeg2000, IsLossy: null),
    ];

    /// <summary>The defined term of LossyImageCompressionMethod (0028,2114) for the pixels (PS3.3, section C.7.6.1.1.5.1); null where there is none.</summary>
    public string? LossyMethod => Pixels switch { PixelEncoding.Jpeg => "ISO_10918_1", PixelEncoding.JpegLs => "ISO_14495_1", PixelEncoding.Jpeg2000 => "ISO_15444_1", _ => null };

    /// <summary>The syntax of a UID. One that is not listed is explicit little endian, as the standard has it for every compressed one.</summary>
    public static TransferSyntax Of(string uid) =>
        All.FirstOrDefault(s => s.Uid == uid) ?? new(uid, $"transfer syntax {uid}", Pixels: PixelEncoding.Unknown, IsLossy: null);
}
