using System.Buffers;
using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace Credence.MedicalIO.Dicom;

/// <summary>Reads the data set of one DICOM file: preamble, file meta information, transfer syntax.</summary>
/// <remarks>Source: DICOM PS3.10 (2026), section 7. Files without preamble or without meta information, as old writers made them, are read too.</remarks>
internal static class DicomFile
{
    private const int PreambleLength = 128;
    private const int FirstRead = 1 << 15;
    private const int LargestPooled = 1 << 23;
    private const int InflationLimit = 128; // times the deflated size, and at least SmallestLimit
    private const int SmallestLimit = 1 << 26;

    /// <summary>Reads and parses a whole file.</summary>
    /// <exception cref="InvalidImageFileException">Not a DICOM file, or damaged.</exception>
    public static DicomDataset Read(string path) => Parse(path, Readable(path, () => File.ReadAllBytes(path)), isHeaderOnly: false);

    /// <summary>Reads and parses a whole file into memory that is used again afterwards: nothing of the data set may be kept.</summary>
    /// <exception cref="InvalidImageFileException">Not a DICOM file, or damaged.</exception>
    public static void Read(string path, Action<DicomDataset> use)
    {
        if (new FileInfo(path) is not { Exists: true, Length: > 0 and <= LargestPooled and var length })
        {
            use(Read(path)); // a volume in one file is read once, and its memory would be kept for nothing
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)length);
        try
        {
            var filled = Readable(path, () => Fill(path, buffer.AsSpan(0, (int)length)));
            use(Parse(path, buffer.AsMemory(0, filled), isHeaderOnly: false));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Parses the attributes before the pixels, reading no more of the file than needed; null when it is not a DICOM file.</summary>
    /// <exception cref="InvalidImageFileException">It is one, and damaged.</exception>
    public static DicomDataset? ReadHeader(string path)
    {
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var size = RandomAccess.GetLength(file);
        for (var length = Math.Min(size, FirstRead); ; length = Math.Min(Math.Min(size, Array.MaxLength), 8 * length))
        {
            var buffer = new byte[length];
            var filled = Fill(file, buffer);
            if (!IsDicom(buffer))
            {
                return null;
            }

            try
            {
                return Parse(path, buffer.AsMemory(0, filled), isHeaderOnly: true, isPart: length < size);
            }
            catch (InvalidImageFileException) when (length < Math.Min(size, Array.MaxLength))
            {
                // Cut off in the header, in the middle of an element or between two: read more.
            }
        }
    }

    /// <summary>Whether bytes are those of a DICOM file: the mark after the preamble, or a plausible first element without one.</summary>
    public static bool IsDicom(ReadOnlySpan<byte> bytes) => HasMark(bytes) || FirstElement(bytes) >= 0;

    /// <summary>Parses a file's bytes.</summary>
    /// <param name="path">For messages.</param>
    /// <param name="bytes">Of the file, from its start.</param>
    /// <param name="isHeaderOnly">Stop at the pixels.</param>
    /// <param name="isPart">Whether the file goes on behind the bytes.</param>
    /// <exception cref="InvalidImageFileException">Not a DICOM file, or damaged, or a part that ends before the pixels.</exception>
    public static DicomDataset Parse(string path, ReadOnlyMemory<byte> bytes, bool isHeaderOnly, bool isPart = false)
    {
        var start = HasMark(bytes.Span) ? PreambleLength + 4 : FirstElement(bytes.Span);
        if (start < 0)
        {
            throw new InvalidImageFileException(path, "no DICM mark at byte 128", "a DICOM file", "Check that this is a DICOM file.");
        }

        bytes = bytes[start..];
        var syntax = Guess(bytes.Span);
        if (bytes.Span is [0x02, 0x00, ..])
        {
            var (meta, length) = DicomParser.Meta(path, bytes);
            bytes = bytes[length..];
            syntax = meta.Text(DicomTag.TransferSyntaxUid) is { } uid ? TransferSyntax.Of(uid) : Guess(bytes.Span);
        }

        if (syntax.IsDeflated)
        {
            bytes = Inflate(path, bytes);
        }
        else if (syntax is { IsExplicit: true, IsBigEndian: false } && bytes.Length >= 8 && Guess(bytes.Span) == TransferSyntax.ImplicitLittleEndian)
        {
            // Some writers name an explicit syntax, of compressed pixels too, and write elements without value representation.
            syntax = syntax == TransferSyntax.ExplicitLittleEndian ? TransferSyntax.ImplicitLittleEndian : syntax with { IsExplicit = false };
        }

        return DicomParser.Parse(path, bytes, syntax, isHeaderOnly, isPart);
    }

    private static bool HasMark(ReadOnlySpan<byte> bytes) => bytes.Length >= PreambleLength + 4 && bytes.Slice(PreambleLength, 4).SequenceEqual("DICM"u8);

    /// <summary>0 where the bytes begin with an element of group 2 or 8, else -1.</summary>
    private static int FirstElement(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length >= 16 && IsBigEndian(bytes))
        {
            return 0;
        }

        if (bytes.Length < 16 || bytes[0] is not (2 or 8) || bytes[1] != 0 || bytes[3] != 0 || bytes[2] > 0x20)
        {
            return -1;
        }

        var isExplicit = bytes[4] is >= (byte)'A' and <= (byte)'Z' && bytes[5] is >= (byte)'A' and <= (byte)'Z';
        return isExplicit || bytes[6] == 0 && bytes[7] == 0 && bytes[5] < 2 ? 0 : -1;
    }

    /// <summary>Whether the bytes begin with an explicit element of group 8 in big endian; group 2 is always little endian.</summary>
    private static bool IsBigEndian(ReadOnlySpan<byte> bytes) => bytes is [0, 8, 0, <= 0x20, >= (byte)'A' and <= (byte)'Z', >= (byte)'A' and <= (byte)'Z', ..];

    /// <summary>Without a transfer syntax, letters in the place of a value representation mean explicit.</summary>
    private static TransferSyntax Guess(ReadOnlySpan<byte> bytes) =>
        IsBigEndian(bytes) ? TransferSyntax.ExplicitBigEndian
        : bytes.Length >= 6 && char.IsAsciiLetterUpper((char)bytes[4]) && char.IsAsciiLetterUpper((char)bytes[5])
            ? TransferSyntax.ExplicitLittleEndian
            : TransferSyntax.ImplicitLittleEndian;

    private static int Fill(string path, Span<byte> buffer)
    {
        using var file = File.OpenHandle(path, options: FileOptions.SequentialScan);
        return Fill(file, buffer);
    }

    private static int Fill(SafeFileHandle file, Span<byte> buffer)
    {
        var filled = 0;
        while (filled < buffer.Length && RandomAccess.Read(file, buffer[filled..], filled) is > 0 and var read)
        {
            filled += read;
        }

        return filled;
    }

    private static T Readable<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException and not (FileNotFoundException or DirectoryNotFoundException))
        {
            throw new InvalidImageFileException(path, e.Message, "a readable file of less than 2 GB", "Check the file.", e);
        }
    }

    private static ReadOnlyMemory<byte> Inflate(string path, ReadOnlyMemory<byte> bytes)
    {
        var limit = Math.Max(SmallestLimit, Math.Min((long)InflationLimit * bytes.Length, Array.MaxLength));
        using var inflated = new MemoryStream();
        try
        {
            using var deflate = new DeflateStream(new MemoryStream(bytes.ToArray()), CompressionMode.Decompress);
            var buffer = new byte[1 << 16];
            while (deflate.Read(buffer) is > 0 and var read)
            {
                inflated.Write(buffer, 0, read);
                if (inflated.Length > limit)
                {
                    throw new InvalidImageFileException(path, $"deflated data of more than {limit} bytes", "a file that inflates to at most 128 times its size",
                        "Inflate it with `dcmconv +te` if it is to be trusted.");
                }
            }
        }
        catch (InvalidDataException e)
        {
            throw new InvalidImageFileException(path, "deflated data that does not inflate", "a whole deflate stream", "The file is damaged; copy it again.", e);
        }

        return inflated.GetBuffer().AsMemory(0, (int)inflated.Length);
    }
}
