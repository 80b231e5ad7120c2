using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Nifti;

/// <summary>Reads and writes NIfTI-1 files with one 3-D volume: <c>.nii</c> and <c>.nii.gz</c>.</summary>
public static class NiftiFile
{
    private const int ChunkVoxels = 1 << 18;

    /// <summary>Whether the name ends as a NIfTI file's does.</summary>
    public static bool HasExtension(string path) =>
        path.EndsWith(".nii", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".nii.gz", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a volume; stored values are scaled by scl_slope and scl_inter. NaN and infinities are returned as they are.</summary>
    /// <exception cref="InvalidImageFileException">The file is missing, cut short or damaged.</exception>
    /// <exception cref="UnsupportedImageException">It is sound, but not one 3-D volume of plain numbers.</exception>
    public static Volume Read(string path)
    {
        var (geometry, voxels) = ReadVoxels(path);
        return new(geometry, voxels);
    }

    /// <summary>Reads a mask or label map: whole numbers from 0 to 255.</summary>
    /// <exception cref="InvalidImageFileException">As <see cref="Read"/>, or a voxel is not such a number.</exception>
    /// <exception cref="UnsupportedImageException">As <see cref="Read"/>.</exception>
    public static LabelMap ReadLabels(string path)
    {
        var volume = Read(path);
        var labels = new byte[volume.Voxels.Length];
        for (var offset = 0; offset < labels.Length; offset++)
        {
            var value = volume.Voxels[offset];
            // A tenth forgives the rounding of scaled masks, never a probability map.
            if (!(value >= -0.1f && value <= 255.1f && MathF.Abs(value - MathF.Round(value)) < 0.1f))
            {
                var (i, j, k) = volume.Geometry.IndexOf(offset);
                throw new InvalidImageFileException(path, FormattableString.Invariant($"value {value} at voxel ({i}, {j}, {k})"), "whole numbers from 0 to 255",
                    "This is not a mask; threshold a probability map before using it as one.");
            }

            labels[offset] = (byte)MathF.Round(value);
        }

        return new(volume.Geometry, labels);
    }

    /// <summary>Writes a volume; <c>.gz</c> in the name compresses.</summary>
    /// <param name="path">Ends in .nii or .nii.gz.</param>
    /// <param name="volume">The volume.</param>
    /// <param name="dataType">uint8, int16, int32, float32 or float64. For integers, values that do not fit or are not whole are scaled over the type's
    /// range by scl_slope and scl_inter, so that the error is at most half a step.</param>
    /// <exception cref="ArgumentException">An integer type and a voxel that is not finite, or a type that is only read.</exception>
    public static void Write(string path, Volume volume, NiftiDataType dataType = NiftiDataType.Float32)
    {
        var (minimum, maximum) = dataType switch
        {
            NiftiDataType.UInt8 => (byte.MinValue, byte.MaxValue),
            NiftiDataType.Int16 => (short.MinValue, short.MaxValue),
            NiftiDataType.Int32 => (int.MinValue, (double)int.MaxValue),
            NiftiDataType.Float32 or NiftiDataType.Float64 => (double.NegativeInfinity, double.PositiveInfinity),
            _ => throw new ArgumentException($"{dataType} is read but not written; use uint8, int16, int32, float32 or float64.", nameof(dataType)),
        };
        var (slope, intercept) = double.IsInfinity(minimum) ? (1, 0) : Scaling(volume.Voxels, minimum, maximum);
        var bytesPerVoxel = dataType switch { NiftiDataType.UInt8 => 1, NiftiDataType.Int16 => 2, NiftiDataType.Float64 => 8, _ => 4 };
        WriteFile(path, NiftiHeader.Format(volume.Geometry, dataType, bytesPerVoxel, slope, intercept), volume.Voxels.Length, bytesPerVoxel, (first, target) =>
        {
            var source = volume.Voxels.AsSpan(first, target.Length / bytesPerVoxel);
            switch (dataType)
            {
                case NiftiDataType.Float32 when BitConverter.IsLittleEndian:
                    MemoryMarshal.AsBytes(source).CopyTo(target);
                    break;
                case NiftiDataType.Float32:
                    for (var n = 0; n < source.Length; n++)
                    {
                        BinaryPrimitives.WriteSingleLittleEndian(target[(4 * n)..], source[n]);
                    }

                    break;
                case NiftiDataType.Float64:
                    for (var n = 0; n < source.Length; n++)
                    {
                        BinaryPrimitives.WriteDoubleLittleEndian(target[(8 * n)..], source[n]);
                    }

                    break;
                default:
                    for (var n = 0; n < source.Length; n++)
                    {
                        var stored = (long)Math.Clamp(Math.Round((source[n] - intercept) / slope), minimum, maximum);
                        if (bytesPerVoxel == 1)
                        {
                            target[n] = (byte)stored;
                        }
                        else if (bytesPerVoxel == 2)
                        {
                            BinaryPrimitives.WriteInt16LittleEndian(target[(2 * n)..], (short)stored);
                        }
                        else
                        {
                            BinaryPrimitives.WriteInt32LittleEndian(target[(4 * n)..], (int)stored);
                        }
                    }

                    break;
            }
        });
    }

    /// <summary>Writes a label map as uint8.</summary>
    /// <param name="path">Ends in .nii or .nii.gz.</param>
    /// <param name="labels">The labels.</param>
    public static void Write(string path, LabelMap labels) =>
        WriteFile(path, NiftiHeader.Format(labels.Geometry, NiftiDataType.UInt8, 1, 1, 0), labels.Labels.Length, 1,
            (first, target) => labels.Labels.AsSpan(first, target.Length).CopyTo(target));

    private delegate void FillBytes(int firstVoxel, Span<byte> target);

    private static (VolumeGeometry Geometry, float[] Voxels) ReadVoxels(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
            var isCompressed = file.ReadByte() == 0x1f && file.ReadByte() == 0x8b;
            file.Position = 0;
            using Stream stream = isCompressed ? new GZipStream(file, CompressionMode.Decompress) : file;

            var bytes = new byte[NiftiHeader.Size];
            var read = stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            var header = NiftiHeader.Parse(bytes.AsSpan(0, read), path);
            Skip(stream, header.DataOffset - NiftiHeader.Size);

            var count = header.Geometry.Size.Count;
            var needed = count * header.BytesPerVoxel;
            // A lying header must not cost memory: an uncompressed file shows its length, and deflate shrinks at most 1032 times.
            var available = isCompressed ? file.Length * 1032 : file.Length - header.DataOffset;
            if (count > Array.MaxLength || needed > available)
            {
                throw Short(path, header, available);
            }

            var voxels = new float[count];
            var chunk = new byte[(int)Math.Min(ChunkVoxels, count) * header.BytesPerVoxel];
            for (long first = 0; first < count; first += ChunkVoxels)
            {
                var n = (int)Math.Min(ChunkVoxels, count - first);
                var raw = chunk.AsSpan(0, n * header.BytesPerVoxel);
                var got = stream.ReadAtLeast(raw, raw.Length, throwOnEndOfStream: false);
                if (got < raw.Length)
                {
                    throw Short(path, header, first * header.BytesPerVoxel + got);
                }

                Convert(header, raw, voxels.AsSpan((int)first, n));
            }

            if (isCompressed)
            {
                ReadToEnd(stream); // the checksum stands at the end
            }

            return (header.Geometry, voxels);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidImageFileException(path, $"damaged gzip data ({e.Message})", "a whole .nii.gz file", "Copy the file again.", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidImageFileException(path, "no such file", "a .nii or .nii.gz file", "Check the path.", e);
        }
    }

    private static InvalidImageFileException Short(string path, NiftiHeader header, long available) => new(
        path, $"{available} bytes of voxels at most", $"{header.Geometry.Size} voxels of {header.DataType} = {header.Geometry.Size.Count * header.BytesPerVoxel} bytes",
        "The file is cut short; copy it again.");

    private static void Skip(Stream stream, int count)
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (count > 0 && stream.Read(buffer[..Math.Min(count, buffer.Length)]) is > 0 and var got)
        {
            count -= got;
        }
    }

    private static void ReadToEnd(Stream stream)
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (stream.Read(buffer) > 0)
        {
        }
    }

    private static void Convert(NiftiHeader header, ReadOnlySpan<byte> raw, Span<float> target)
    {
        switch (header.DataType)
        {
            case NiftiDataType.UInt8: ConvertAs(header, raw, target, (ReadOnlySpan<byte> b, bool _) => b[0]); break;
            case NiftiDataType.Int8: ConvertAs(header, raw, target, (ReadOnlySpan<byte> b, bool _) => (sbyte)b[0]); break;
            case NiftiDataType.Int16: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadInt16BigEndian(b) : BinaryPrimitives.ReadInt16LittleEndian(b)); break;
            case NiftiDataType.UInt16: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadUInt16BigEndian(b) : BinaryPrimitives.ReadUInt16LittleEndian(b)); break;
            case NiftiDataType.Int32: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadInt32BigEndian(b) : BinaryPrimitives.ReadInt32LittleEndian(b)); break;
            case NiftiDataType.UInt32: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadUInt32BigEndian(b) : BinaryPrimitives.ReadUInt32LittleEndian(b)); break;
            case NiftiDataType.Int64: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadInt64BigEndian(b) : BinaryPrimitives.ReadInt64LittleEndian(b)); break;
            case NiftiDataType.UInt64: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadUInt64BigEndian(b) : BinaryPrimitives.ReadUInt64LittleEndian(b)); break;
            case NiftiDataType.Float64: ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadDoubleBigEndian(b) : BinaryPrimitives.ReadDoubleLittleEndian(b)); break;
            default:
                if (!header.IsBigEndian && BitConverter.IsLittleEndian && header is { Slope: 1, Intercept: 0 })
                {
                    raw.CopyTo(MemoryMarshal.AsBytes(target));
                }
                else
                {
                    ConvertAs(header, raw, target, (b, big) => big ? BinaryPrimitives.ReadSingleBigEndian(b) : BinaryPrimitives.ReadSingleLittleEndian(b));
                }

                break;
        }
    }

    private delegate double ReadValue(ReadOnlySpan<byte> bytes, bool isBigEndian);

    private static void ConvertAs(NiftiHeader header, ReadOnlySpan<byte> raw, Span<float> target, ReadValue read)
    {
        var step = header.BytesPerVoxel;
        for (var n = 0; n < target.Length; n++)
        {
            target[n] = (float)(read(raw[(n * step)..], header.IsBigEndian) * header.Slope + header.Intercept);
        }
    }

    private static (double Slope, double Intercept) Scaling(float[] voxels, double minimum, double maximum)
    {
        var (low, high, isWhole) = (double.PositiveInfinity, double.NegativeInfinity, true);
        foreach (var v in voxels)
        {
            if (!float.IsFinite(v))
            {
                throw new ArgumentException("A voxel that is not finite cannot be written as an integer; write float32.", nameof(voxels));
            }

            (low, high) = (Math.Min(low, v), Math.Max(high, v));
            isWhole &= v == MathF.Round(v);
        }

        if (isWhole && low >= minimum && high <= maximum)
        {
            return (1, 0);
        }

        var slope = high > low ? (high - low) / (maximum - minimum) : 1;
        slope = (float)slope; // as the header stores it
        return (slope, (float)(low - minimum * slope));
    }

    private static void WriteFile(string path, byte[] header, int voxels, int bytesPerVoxel, FillBytes fill)
    {
        if (!HasExtension(path))
        {
            throw new ArgumentException($"{path} does not end in .nii or .nii.gz.", nameof(path));
        }

        OutputFile.Write(path, file =>
        {
            using var compressed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
                ? new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true)
                : null;
            var stream = compressed ?? file;
            stream.Write(header);
            var chunk = new byte[Math.Min(ChunkVoxels, voxels) * bytesPerVoxel];
            for (var first = 0; first < voxels; first += ChunkVoxels)
            {
                var target = chunk.AsSpan(0, Math.Min(ChunkVoxels, voxels - first) * bytesPerVoxel);
                fill(first, target);
                stream.Write(target);
            }
        });
    }
}
