using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Credence.Models.Checkpoints;

/// <summary>Named tensors and texts in one file, in the safetensors format, which NumPy and PyTorch users can read.</summary>
/// <remarks>Source: huggingface/safetensors, README "Format": 8 bytes header length (little-endian), a JSON header, then the tensors, row-major, little-endian.</remarks>
public static class SafetensorsFile
{
    private const string MetadataName = "__metadata__";
    private const long LargestHeader = 100_000_000;
    private const int NoSpace = 28, ReadOnlyDisk = 30, OverQuota = 122; // errors of Linux, as .NET hands them on
    private const string UseAnother = "The file is damaged; use another checkpoint of the run.";

    private static readonly Dictionary<string, (ScalarType Type, int Bytes)> Types = new()
    {
        ["F32"] = (ScalarType.Float32, 4),
        ["F64"] = (ScalarType.Float64, 8),
        ["I64"] = (ScalarType.Int64, 8),
        ["U8"] = (ScalarType.Byte, 1),
    };

    /// <summary>Writes a file: under a temporary name, flushed to disk, then renamed. The same content gives the same bytes.</summary>
    /// <exception cref="ArgumentException">A tensor is of another type than float32, float64, int64 and uint8.</exception>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var scope = NewDisposeScope();
        var ordered = tensors.OrderBy(t => t.Key, StringComparer.Ordinal)
            .Select(t => (Name: t.Key, Tensor: t.Value.detach().cpu().contiguous())).ToList();
        var header = Header(ordered, metadata);

        var unfinished = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            using (var stream = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                Span<byte> length = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
                stream.Write(length);
                stream.Write(header);
                foreach (var (_, tensor) in ordered)
                {
                    stream.Write(tensor.bytes);
                }

                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch (Exception e)
        {
            if (File.Exists(unfinished))
            {
                File.Delete(unfinished);
            }

            if (e is IOException { HResult: NoSpace or ReadOnlyDisk or OverQuota })
            {
                throw new IOException($"{path}: cannot be written ({e.Message}); expected a disk with room that may be written. The checkpoint before is unharmed: make room, and resume the run.", e);
            }

            throw;
        }
    }

    /// <summary>Reads a file, tensor by tensor: it may be larger than any array.</summary>
    /// <returns>Tensors on the CPU, which the caller owns, and the texts.</returns>
    /// <exception cref="CheckpointException">The file is missing or damaged.</exception>
    public static (Dictionary<string, Tensor> Tensors, Dictionary<string, string> Metadata) Read(string path)
    {
        FileStream stream;
        try
        {
            stream = File.OpenRead(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(path, "no such file", "a checkpoint written by credence-train", "Check the path.", e);
        }

        using (stream)
        {
            return Read(path, stream);
        }
    }

    private static (Dictionary<string, Tensor> Tensors, Dictionary<string, string> Metadata) Read(string path, FileStream stream)
    {
        Span<byte> prefix = stackalloc byte[8];
        var headerLength = stream.ReadAtLeast(prefix, prefix.Length, throwOnEndOfStream: false) == prefix.Length ? BinaryPrimitives.ReadInt64LittleEndian(prefix) : -1;
        if (headerLength < 2 || headerLength > Math.Min(LargestHeader, stream.Length - prefix.Length))
        {
            throw new CheckpointException(path, $"{stream.Length} bytes with a header length of {headerLength}", "a safetensors file", UseAnother);
        }

        var header = new byte[headerLength];
        stream.ReadExactly(header);
        var available = stream.Length - stream.Position;
        var tensors = new Dictionary<string, Tensor>();
        var metadata = new Dictionary<string, string>();
        try
        {
            using var json = JsonDocument.Parse(header);
            long end = 0;
            foreach (var entry in json.RootElement.EnumerateObject())
            {
                if (entry.Name == MetadataName)
                {
                    foreach (var text in entry.Value.EnumerateObject())
                    {
                        metadata[text.Name] = text.Value.GetString() ?? "";
                    }

                    continue;
                }

                var (type, shape, begin, last) = Describe(path, entry, available);
                if (begin != end || tensors.ContainsKey(entry.Name))
                {
                    throw new CheckpointException(path, $"tensor \"{entry.Name}\" from byte {begin}", $"tensors one after the other, here from byte {end}, each once", UseAnother);
                }

                var tensor = empty(shape, type);
                tensors.Add(entry.Name, tensor);
                if (last > begin)
                {
                    stream.ReadExactly(tensor.bytes);
                }

                end = last;
            }

            return end == available
                ? (tensors, metadata)
                : throw new CheckpointException(path, $"{available} bytes of tensors", $"{end} as in the header", UseAnother);
        }
        catch (Exception e)
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            if (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException)
            {
                throw new CheckpointException(path, $"a header that cannot be read ({e.Message})", "the JSON header of a safetensors file", UseAnother, e);
            }

            throw;
        }
    }

    private static byte[] Header(List<(string Name, Tensor Tensor)> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteStartObject(MetadataName);
            foreach (var (name, text) in metadata.OrderBy(m => m.Key, StringComparer.Ordinal))
            {
                json.WriteString(name, text);
            }

            json.WriteEndObject();
            long offset = 0;
            foreach (var (name, tensor) in tensors)
            {
                var type = Types.FirstOrDefault(t => t.Value.Type == tensor.dtype).Key
                    ?? throw new ArgumentException($"Tensor \"{name}\" is {tensor.dtype}; a checkpoint holds float32, float64, int64 and uint8.", nameof(tensors));
                json.WriteStartObject(name);
                json.WriteString("dtype", type);
                json.WriteStartArray("shape");
                foreach (var edge in tensor.shape)
                {
                    json.WriteNumberValue(edge);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.numel() * Types[type].Bytes);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        // Padded with spaces so that the tensors start at a multiple of 8.
        stream.Write(Encoding.ASCII.GetBytes(new string(' ', (int)((8 - stream.Length % 8) % 8))));
        return stream.ToArray();
    }

    /// <summary>What the header says of a tensor, whose bytes follow the header in the same order.</summary>
    private static (ScalarType Type, long[] Shape, long Begin, long End) Describe(string path, JsonProperty entry, long available)
    {
        var name = entry.Value.GetProperty("dtype").GetString() ?? "";
        var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64()).ToArray();
        var offsets = entry.Value.GetProperty("data_offsets").EnumerateArray().Select(e => e.GetInt64()).ToArray();
        if (!Types.TryGetValue(name, out var type) || shape.Any(edge => edge < 0) || offsets.Length != 2
            || offsets[0] < 0 || offsets[1] < offsets[0] || offsets[1] > available
            || shape.Aggregate((long)type.Bytes, (product, edge) => checked(product * edge)) != offsets[1] - offsets[0])
        {
            throw new CheckpointException(path, $"tensor \"{entry.Name}\" of type {name}, shape ({string.Join(", ", shape)}), bytes {string.Join(" to ", offsets)}",
                "F32, F64, I64 or U8, and bytes that fit the shape and the file", UseAnother);
        }

        return (type.Type, shape, offsets[0], offsets[1]);
    }
}
