using System.Buffers.Binary;
using System.IO.Compression;

namespace Credence.MedicalIO.Nifti;

/// <summary>A NIfTI file that is being read: its header, then its voxels from the first to the last. Gzip is recognised by its first bytes.</summary>
internal sealed class NiftiStream : IDisposable
{
    private const int ChunkVoxels = 1 << 18;
    private const long TrustedVoxels = 1 << 24, TrustedVoxelsPerByte = 4; // of a compressed file; for more it is inflated once to see whether they are there
    private const int MostDeflate = 1032; // times that deflate can shrink
    private const int LongestHeader = 540;

    private readonly string path;
    private readonly FileStream file;
    private readonly Stream stream;
    private readonly bool isCompressed;
    private readonly List<IDisposable> others = [];
    private long position;
    private NiftiWords words = null!;
    private long? inflatedLength; // once it was needed

    private NiftiStream(string path)
    {
        this.path = path;
        file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        isCompressed = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
        file.Position = 0;
        stream = isCompressed ? new GZipStream(file, CompressionMode.Decompress) : file;
    }

    /// <summary>Integers among the voxels read that float32 does not hold exactly.</summary>
    public long Rounded => words.Rounded;

    /// <summary>The header.</summary>
    public NiftiHeader Header
    {
        get;
        private set => (field, words) = (value, new(value.IsBigEndian, value.Slope, value.Intercept));
    } = null!;

    /// <summary>Its extensions.</summary>
    public IReadOnlyList<NiftiExtension> Extensions { get; private set; } = [];

    private static bool IsMissing(Exception e) => e is FileNotFoundException or DirectoryNotFoundException;

    /// <summary>Opens a file, reads its header and hands both to <paramref name="use"/>.</summary>
    /// <exception cref="InvalidImageFileException">The file is missing, cut short or damaged.</exception>
    /// <exception cref="UnsupportedImageException">It is sound, but of a kind that is not read.</exception>
    public static T Read<T>(string path, Func<NiftiStream, T> use)
    {
        try
        {
            using var opened = Open(path);
            return use(opened);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidImageFileException(path, $"damaged gzip data ({e.Message})", "a whole .nii.gz file", "Copy the file again.", e);
        }
        catch (Exception e) when (IsMissing(e))
        {
            throw new InvalidImageFileException(path, "no such file", "a NIfTI file", "Check the path.", e);
        }
        catch (Exception e) when (e is (IOException and not UnwritableFileException) or UnauthorizedAccessException) // a copy writes while it reads
        {
            throw new InvalidImageFileException(path, e.Message, "a readable file", "Check the permissions and the disk.", e);
        }
        catch (OutOfMemoryException e)
        {
            throw new UnsupportedImageException(path, "voxels for which there is no memory", "a volume that fits into memory", "Close other programs, or use a machine with more memory.", e);
        }
    }

    /// <summary>Reads the next volume: stored values of a component x slope + intercept.</summary>
    public float[] ReadVolume(NiftiComponent component)
    {
        var count = Header.Geometry.Size.Count;
        CheckLength(count);
        var (type, offset) = Header.DataType.Component(component) ?? throw Refused(component);
        var (bytes, size) = (Header.DataType.Bytes(), type.Bytes());
        if (isCompressed && count > TrustedVoxels + TrustedVoxelsPerByte * file.Length && (inflatedLength ??= InflatedLength()) - position < count * bytes)
        {
            throw Short(inflatedLength.Value - position);
        }

        var voxels = new float[count];
        ForEachChunk((first, raw) =>
        {
            var n = raw.Length / bytes;
            for (var v = 0; v < n && size < bytes; v++)
            {
                raw.Slice(v * bytes + offset, size).CopyTo(raw[(v * size)..]);
            }

            words.Convert(type, raw[..(n * size)], voxels.AsSpan((int)first, n));
        });
        return voxels;
    }

    /// <summary>Hands over the stored voxels of the next volume, little-endian, part by part.</summary>
    public void CopyVolume(Stream target)
    {
        CheckLength(Header.Geometry.Size.Count);
        _ = Header.DataType.Component(NiftiComponent.Only) ?? throw Refused(NiftiComponent.Only);
        ForEachChunk((_, raw) =>
        {
            words.Order(Header.DataType.Bytes(), raw);
            target.Write(raw);
        });
    }

    /// <summary>Passes over volumes.</summary>
    public void SkipVolumes(int count) => Skip((long)Math.Min(long.MaxValue / 2, (double)count * Header.Geometry.Size.Count * Header.DataType.Bytes()));

    /// <summary>Reads what is left, because gzip keeps its checksum at the end.</summary>
    public void CheckEnd()
    {
        if (isCompressed)
        {
            Skip(long.MaxValue);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stream.Dispose();
        file.Dispose();
        others.ForEach(o => o.Dispose());
    }

    private delegate void UseChunk(long firstVoxel, Span<byte> raw);

    private void ForEachChunk(UseChunk use)
    {
        var (count, bytes) = (Header.Geometry.Size.Count, Header.DataType.Bytes());
        var chunk = new byte[(int)Math.Min(ChunkVoxels, count) * bytes];
        for (long first = 0; first < count; first += ChunkVoxels)
        {
            var raw = chunk.AsSpan(0, (int)Math.Min(ChunkVoxels, count - first) * bytes);
            var got = Take(raw);
            if (got < raw.Length)
            {
                throw Short(first * bytes + got);
            }

            use(first, raw);
        }
    }

    private static NiftiStream Open(string path)
    {
        var opened = new NiftiStream(path);
        NiftiStream? voxels = null;
        try
        {
            opened.ReadHeader();
            if (!opened.Header.IsPair)
            {
                opened.Skip(opened.Header.DataOffset - opened.position);
                return opened;
            }

            voxels = new NiftiStream(VoxelFile(path)) { Header = opened.Header, Extensions = opened.Extensions };
            voxels.others.Add(opened);
            voxels.Skip(voxels.Header.DataOffset);
            return voxels;
        }
        catch
        {
            voxels?.Dispose();
            opened.Dispose();
            throw;
        }
    }

    /// <summary>The .img file that belongs to a .hdr file, compressed or not.</summary>
    private static string VoxelFile(string headerPath)
    {
        var bare = headerPath.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? headerPath[..^3] : headerPath;
        var name = Path.ChangeExtension(bare, ".img");
        string[] candidates = [name, name + ".gz"];
        return Array.Find(candidates, File.Exists) ?? throw new InvalidImageFileException(headerPath, "a header without its voxels", $"{Path.GetFileName(name)} beside it",
            "Copy both files of the pair.");
    }

    private void ReadHeader()
    {
        var bytes = new byte[LongestHeader];
        var read = stream.ReadAtLeast(bytes.AsSpan(0, 4), 4, throwOnEndOfStream: false);
        var length = NiftiHeader.Find(bytes.AsSpan(0, read))?.Layout.Size ?? NiftiLayout.One.Size;
        read += stream.ReadAtLeast(bytes.AsSpan(read, length - read), length - read, throwOnEndOfStream: false);
        position = read;
        Header = NiftiHeader.Parse(bytes.AsSpan(0, read), path);
        Extensions = ReadExtensions();
    }

    private List<NiftiExtension> ReadExtensions()
    {
        var extensions = new List<NiftiExtension>();
        Span<byte> word = stackalloc byte[8];
        var end = Header.IsPair ? file.Length : Header.DataOffset;
        if (end - position < 4 || Take(word[..4]) < 4 || word[0] == 0)
        {
            return extensions;
        }

        while (end - position >= 16)
        {
            if (Take(word) < 8)
            {
                break;
            }

            var size = Header.IsBigEndian ? BinaryPrimitives.ReadInt32BigEndian(word) : BinaryPrimitives.ReadInt32LittleEndian(word);
            var code = Header.IsBigEndian ? BinaryPrimitives.ReadInt32BigEndian(word[4..]) : BinaryPrimitives.ReadInt32LittleEndian(word[4..]);
            if (size < 16 || size - 8 > end - position)
            {
                throw new InvalidImageFileException(path, $"a header extension of {size} bytes at byte {position - 8}", $"16 to {end - position + 8}", "The file is damaged; copy it again.");
            }

            var data = new byte[size - 8];
            if (Take(data) < data.Length)
            {
                break;
            }

            extensions.Add(new(code, data));
        }

        return extensions;
    }

    private int Take(Span<byte> target)
    {
        var got = stream.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        position += got;
        return got;
    }

    private void Skip(long count)
    {
        Span<byte> buffer = stackalloc byte[16384];
        while (count > 0 && stream.Read(buffer[..(int)Math.Min(count, buffer.Length)]) is > 0 and var got)
        {
            (count, position) = (count - got, position + got);
        }
    }

    /// <summary>A lying header must not cost memory: an uncompressed file shows its length, and deflate shrinks at most 1032 times.</summary>
    private void CheckLength(long count)
    {
        var available = isCompressed ? file.Length * MostDeflate : Math.Max(0, file.Length - position);
        if (count > Array.MaxLength || count * Header.DataType.Bytes() > available)
        {
            throw Short(available);
        }
    }

    private long InflatedLength()
    {
        using var whole = new NiftiStream(file.Name);
        whole.Skip(long.MaxValue);
        return whole.position;
    }

    private InvalidImageFileException Short(long available) => new(
        path, $"{available} bytes of voxels at most", $"{Header.Geometry.Size} voxels of {Header.DataType} = {Header.Geometry.Size.Count * Header.DataType.Bytes()} bytes",
        "The file is cut short; copy it again.");

    private UnsupportedImageException Refused(NiftiComponent component) => component == NiftiComponent.Only
        ? new(path, $"voxels of type {Header.DataType}, which hold several numbers", "one number a voxel", "Choose one: `credence-infer convert --component` real, imaginary, red, green or blue.")
        : new(path, $"voxels of type {Header.DataType}", $"voxels with a {component.ToString().ToLowerInvariant()} component", "Ask for a component that the voxels have.");
}
