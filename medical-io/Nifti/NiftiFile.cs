using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Nifti;

/// <summary>Reads NIfTI-1 and NIfTI-2 files (<c>.nii</c>, <c>.nii.gz</c>, <c>.hdr</c> with <c>.img</c>) and writes <c>.nii</c> and <c>.nii.gz</c>.</summary>
public static class NiftiFile
{
    private const int ChunkVoxels = 1 << 18;

    private static readonly string[] ReadExtensions = [".nii", ".nii.gz", ".hdr", ".hdr.gz"];

    /// <summary>Whether the name ends as that of a NIfTI file that can be read.</summary>
    public static bool HasExtension(string path) => Array.Exists(ReadExtensions, e => path.EndsWith(e, StringComparison.OrdinalIgnoreCase));

    /// <summary>Reads a volume; stored values are scaled by scl_slope and scl_inter. NaN and infinities are returned as they are.</summary>
    /// <param name="path">The file; of a pair, the header.</param>
    /// <param name="options">Which volume and component; null refuses files of several.</param>
    /// <exception cref="InvalidImageFileException">The file is missing, cut short or damaged.</exception>
    /// <exception cref="UnsupportedImageException">It is sound, but holds several volumes or numbers a voxel and the options choose none, or its axes are sheared.</exception>
    public static Volume Read(string path, NiftiReadOptions? options = null) => NiftiStream.Read(path, stream =>
    {
        options ??= new();
        SkipTo(path, stream, options.Volume);
        return Finish(path, stream, options);
    });

    /// <summary>Writes one volume of a file as it is stored: data type, bits, line to measured values, extensions and form codes.</summary>
    /// <param name="path">The file; of a pair, the header.</param>
    /// <param name="target">Ends in .nii or .nii.gz.</param>
    /// <param name="volume">Which, from 0; null refuses files of several.</param>
    /// <returns>Size and affine.</returns>
    /// <exception cref="InvalidImageFileException">As <see cref="Read"/>; nothing is written.</exception>
    /// <exception cref="UnsupportedImageException">As <see cref="Read"/>; nothing is written.</exception>
    public static VolumeGeometry Copy(string path, string target, int? volume = null) => NiftiStream.Read(path, stream =>
    {
        SkipTo(path, stream, volume);
        var header = stream.Header;
        RefuseShear(path, header);
        WriteFile(target, copy =>
        {
            copy.Write(NiftiHeaderWriter.Format(header.Geometry, header.DataType, header.Slope, header.Intercept, stream.Extensions, header.Forms));
            stream.CopyVolume(copy);
            stream.CheckEnd();
        });
        return header.Geometry;
    });

    /// <summary>Reads all volumes of a file, in the order in which they are stored.</summary>
    /// <param name="path">The file; of a pair, the header.</param>
    /// <param name="options">Component and resampling; the volume is not looked at.</param>
    /// <exception cref="InvalidImageFileException">As <see cref="Read"/>.</exception>
    /// <exception cref="UnsupportedImageException">As <see cref="Read"/>.</exception>
    public static IReadOnlyList<Volume> ReadAll(string path, NiftiReadOptions? options = null) => NiftiStream.Read(path, stream =>
    {
        var volumes = new List<Volume>();
        for (var volume = 0; volume < stream.Header.Volumes; volume++)
        {
            volumes.Add(Finish(path, stream, options ?? new(), isLast: volume == stream.Header.Volumes - 1));
        }

        return volumes;
    });

    /// <summary>Reads the header only.</summary>
    /// <exception cref="InvalidImageFileException">As <see cref="Read"/>.</exception>
    /// <exception cref="UnsupportedImageException">A data type that is not read.</exception>
    public static NiftiInfo ReadInfo(string path) => NiftiStream.Read(path, stream => new NiftiInfo(
        stream.Header.Version, stream.Header.DataType, stream.Header.Geometry, stream.Header.Volumes, stream.Header.Problems, stream.Extensions, stream.Header.Forms));

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
    /// <param name="extensions">Header extensions to keep, for example those of <see cref="ReadInfo"/>.</param>
    /// <param name="forms">What qform and sform mean; null for coordinates of the scanner.</param>
    /// <exception cref="ArgumentException">An integer type and a voxel that is not finite, or a type that is only read.</exception>
    public static void Write(string path, Volume volume, NiftiDataType dataType = NiftiDataType.Float32, IReadOnlyList<NiftiExtension>? extensions = null, NiftiForms? forms = null) =>
        WriteFile(path, stream => Write(stream, volume, dataType, extensions, forms));

    /// <summary>Writes a volume to a stream, not compressed; see <see cref="Write(string, Volume, NiftiDataType, IReadOnlyList{NiftiExtension}?, NiftiForms?)"/>.</summary>
    /// <param name="stream">Left open.</param>
    /// <param name="volume">The volume.</param>
    /// <param name="dataType">uint8, int16, int32, float32 or float64.</param>
    /// <param name="extensions">Header extensions to keep.</param>
    /// <param name="forms">What qform and sform mean; null for coordinates of the scanner.</param>
    /// <exception cref="ArgumentException">An integer type and a voxel that is not finite, or a type that is only read.</exception>
    public static void Write(Stream stream, Volume volume, NiftiDataType dataType = NiftiDataType.Float32, IReadOnlyList<NiftiExtension>? extensions = null, NiftiForms? forms = null)
    {
        var (minimum, maximum) = dataType switch
        {
            NiftiDataType.UInt8 => (byte.MinValue, byte.MaxValue),
            NiftiDataType.Int16 => (short.MinValue, short.MaxValue),
            NiftiDataType.Int32 => (int.MinValue, (double)int.MaxValue),
            NiftiDataType.Float32 or NiftiDataType.Float64 => (double.NegativeInfinity, double.PositiveInfinity),
            _ => throw new ArgumentException($"{dataType} is read but not written; use uint8, int16, int32, float32 or float64.", nameof(dataType)),
        };
        var (slope, intercept) = double.IsInfinity(minimum) ? (1, 0) : NiftiScaling.For(volume.Voxels, minimum, maximum);
        var bytesPerVoxel = dataType.Bytes();
        WriteVoxels(stream, NiftiHeaderWriter.Format(volume.Geometry, dataType, slope, intercept, extensions ?? [], forms ?? NiftiForms.Scanner), volume.Voxels.Length, bytesPerVoxel, (first, target) =>
        {
            var source = volume.Voxels.AsSpan(first, target.Length / bytesPerVoxel);
            switch (dataType)
            {
                case NiftiDataType.UInt8: NiftiScaling.Store<byte>(source, target, slope, intercept); break;
                case NiftiDataType.Int16: NiftiScaling.Store<short>(source, target, slope, intercept); break;
                case NiftiDataType.Int32: NiftiScaling.Store<int>(source, target, slope, intercept); break;
                case NiftiDataType.Float64: NiftiScaling.Store<double>(source, target, slope, intercept); break;
                default: NiftiScaling.Store<float>(source, target, slope, intercept); break;
            }
        });
    }

    /// <summary>The smaller of int16 and float32 that holds every voxel exactly.</summary>
    public static NiftiDataType ExactType(Volume volume) =>
        NiftiScaling.Extent(volume.Voxels) is ( >= short.MinValue, <= short.MaxValue, IsWhole: true) ? NiftiDataType.Int16 : NiftiDataType.Float32;

    /// <summary>Writes stored values as they are, with the line to measured ones as scl_slope and scl_inter: int16, or uint16 where one is above 32767.</summary>
    /// <param name="path">Ends in .nii or .nii.gz.</param>
    /// <param name="volume">The volume.</param>
    public static void WriteStored(string path, StoredVolume volume)
    {
        var type = !volume.IsSigned && volume.Words.AsSpan().ContainsAnyInRange(short.MinValue, (short)-1) ? NiftiDataType.UInt16 : NiftiDataType.Int16;
        WriteFile(path, stream => WriteVoxels(stream, NiftiHeaderWriter.Format(volume.Geometry, type, volume.Slope, volume.Intercept, [], NiftiForms.Scanner), volume.Words.Length, 2,
            (first, target) => MemoryMarshal.AsBytes(volume.Words.AsSpan(first, target.Length / 2)).CopyTo(target)));
    }

    /// <summary>Writes a label map as uint8.</summary>
    /// <param name="path">Ends in .nii or .nii.gz.</param>
    /// <param name="labels">The labels.</param>
    public static void Write(string path, LabelMap labels) => WriteFile(path, stream => Write(stream, labels));

    /// <summary>Writes a label map to a stream as uint8, not compressed.</summary>
    /// <param name="stream">Left open.</param>
    /// <param name="labels">The labels.</param>
    public static void Write(Stream stream, LabelMap labels) =>
        WriteVoxels(stream, NiftiHeaderWriter.Format(labels.Geometry, NiftiDataType.UInt8, 1, 0, [], NiftiForms.Scanner), labels.Labels.Length, 1,
            (first, target) => labels.Labels.AsSpan(first, target.Length).CopyTo(target));

    private delegate void FillBytes(int firstVoxel, Span<byte> target);

    private static void SkipTo(string path, NiftiStream stream, int? volume)
    {
        var header = stream.Header;
        if (volume is null && header.Volumes > 1)
        {
            throw new UnsupportedImageException(path, $"{header.Volumes} volumes of {header.Geometry.Size}", "one 3-D volume",
                "Choose one, or split the file: `credence-infer convert --time-point`.");
        }

        if (volume is { } chosen && (chosen < 0 || chosen >= header.Volumes))
        {
            throw new InvalidImageFileException(path, $"{header.Volumes} volumes", $"at least {chosen + 1}, to take number {chosen + 1}", "Choose a volume that is there.");
        }

        stream.SkipVolumes(volume ?? 0);
    }

    private static void RefuseShear(string path, NiftiHeader header)
    {
        if (header.IsSheared)
        {
            throw new UnsupportedImageException(path, header.Problems[^1], "orthogonal axes", "Resample the volume, for example with `credence-infer convert --resample`.");
        }
    }

    private static Volume Finish(string path, NiftiStream stream, NiftiReadOptions options, bool isLast = true)
    {
        var header = stream.Header;
        if (!options.Resample)
        {
            RefuseShear(path, header);
        }

        var volume = new Volume(header.Geometry, stream.ReadVolume(options.Component));
        if (isLast)
        {
            stream.CheckEnd();
        }

        if (stream.Rounded > 0)
        {
            options.Warn?.Invoke($"{path}: {stream.Rounded} voxels beyond 16 777 216 are rounded to the 24 bits of float32");
        }

        return header.IsSheared ? NiftiShear.Straighten(path, volume) : volume;
    }

    private static void WriteVoxels(Stream stream, byte[] header, int voxels, int bytesPerVoxel, FillBytes fill)
    {
        stream.Write(header);
        var chunk = new byte[Math.Min(ChunkVoxels, voxels) * bytesPerVoxel];
        for (var first = 0; first < voxels; first += ChunkVoxels)
        {
            var target = chunk.AsSpan(0, Math.Min(ChunkVoxels, voxels - first) * bytesPerVoxel);
            fill(first, target);
            stream.Write(target);
        }
    }

    private static void WriteFile(string path, Action<Stream> write)
    {
        if (!path.EndsWith(".nii", StringComparison.OrdinalIgnoreCase) && !path.EndsWith(".nii.gz", StringComparison.OrdinalIgnoreCase))
        {
            throw new ArgumentException($"{path} does not end in .nii or .nii.gz.", nameof(path));
        }

        OutputFile.Write(path, file =>
        {
            using var compressed = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
                ? new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true)
                : null;
            write(compressed ?? file);
        });
    }
}
