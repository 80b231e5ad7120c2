using System.Buffers;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>Finds the bytes of a frame in native or encapsulated pixel data and decodes them.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), section A.4 (fragments and the Basic Offset Table).</remarks>
internal sealed class PixelDecoder
{
    /// <summary>More than that no compression is believed.</summary>
    public const int SamplesPerByte = 1024;

    private const int SmallFrame = 1 << 22;

    private readonly DicomDataset dataset;
    private readonly FrameFormat format;
    private readonly ReadOnlyMemory<byte> native;
    private readonly bool isSwapped;
    private readonly bool isHalved; // two pixels share their colour
    private readonly List<ReadOnlyMemory<byte>> frames;

    /// <summary>Checks that all frames are there.</summary>
    /// <exception cref="InvalidImageFileException">Pixels are missing.</exception>
    /// <exception cref="UnsupportedImageException">They are encoded in a way that is not read.</exception>
    public PixelDecoder(DicomDataset dataset, FrameFormat format, int frameCount)
    {
        (this.dataset, this.format, frames) = (dataset, format, []);
        var element = dataset.Element(DicomTag.PixelData) ?? throw dataset.Missing(DicomTag.PixelData, "PixelData");
        if (dataset.Syntax.Pixels == PixelEncoding.Unknown)
        {
            throw new UnsupportedImageException(dataset.Path, $"pixels in {dataset.Syntax.Name}", $"one of {string.Join(", ", TransferSyntax.All.Select(s => s.Uid))}",
                "Decompress it with `gdcmconv --raw`.");
        }

        if (format.BitsAllocated == 64)
        {
            throw new UnsupportedImageException(dataset.Path, "pixels of 64 bits", "1, 8, 16 or 32 bits, or floating point", "Convert it with `gdcmconv --raw`.");
        }

        if (element.Fragments is { } fragments)
        {
            frames = Frames(fragments, frameCount);
            return;
        }

        native = element.Value;

        // Bytes in words of 16 bits: the second is the first in a big-endian file (PS3.5, annex A.3).
        isSwapped = dataset.Syntax.IsBigEndian && element.ValueRepresentation == "OW" && format.BitsAllocated <= 8 && native.Length % 2 == 0;
        var needed = NativeCodec.Length(format, frameCount);
        isHalved = format is { Samples: 3, BitsAllocated: 8 } && format.Columns % 2 == 0 && native.Length < needed && dataset.Text(DicomTag.PhotometricInterpretation) is "YBR_FULL_422" or "YBR_PARTIAL_422";
        needed = isHalved ? needed * 2 / 3 : needed;
        if (native.Length < needed)
        {
            throw new InvalidImageFileException(dataset.Path, $"{native.Length} bytes of pixels", $"{format.Columns} x {format.Rows} x {format.Samples} x {format.BitsAllocated} bits x {frameCount} frames = {needed} bytes",
                "The file is cut short; copy it again.");
        }
    }

    /// <summary>Decodes a frame.</summary>
    /// <param name="frame">Which, from 0.</param>
    /// <param name="samples">Rows x Columns x Samples stored values, sample fastest; signed where the format is.</param>
    public void Decode(int frame, Span<int> samples)
    {
        var path = dataset.Path;
        var bytes = frames.Count > 0 ? frames[frame].Span : default;
        if (frames.Count == 0 && isHalved)
        {
            NativeCodec.DecodeHalved(native.Span.Slice(frame * 2 * format.Pixels, 2 * format.Pixels), samples);
        }
        else if (frames.Count == 0)
        {
            NativeCodec.Decode(native.Span, frame, format, dataset.Syntax.IsBigEndian, isSwapped, samples);
            if (format is { IsPlanar: true, Samples: > 1 })
            {
                Interleave(samples);
            }
        }
        else
        {
            // JPEG-LS and JPEG 2000 can say "all the same" of any size in a few bytes: a lying size must not cost seconds.
            if (format.Count > SmallFrame + (long)SamplesPerByte * bytes.Length)
            {
                throw new InvalidImageFileException(path, $"{format.Columns} x {format.Rows} x {format.Samples} samples in {bytes.Length} bytes", $"at most {SamplesPerByte} a byte, or {SmallFrame} in all",
                    "The file is damaged; copy it again, or decompress it with `gdcmconv --raw` if it is to be trusted.");
            }

            switch (dataset.Syntax.Pixels)
            {
                case PixelEncoding.RunLength:
                    RunLengthCodec.Decode(path, bytes, format, samples);
                    break;
                case PixelEncoding.Jpeg:
                    JpegCodec.Decode(path, bytes, format, samples);
                    break;
                case PixelEncoding.JpegLs:
                    JpegLsCodec.Decode(path, bytes, format, samples);
                    break;
                case PixelEncoding.Jpeg2000:
                    Jpeg2000Codec.Decode(path, bytes, format, samples);
                    break;
                default:
                    throw new InvalidImageFileException(path, $"pixels in fragments under {dataset.Syntax.Name}", "a compressed transfer syntax", "The file is damaged; copy it again.");
            }
        }

        // Shifting up and down again drops what lies outside the stored bits and extends the sign.
        var (up, down) = (31 - format.HighBit, 32 - format.BitsStored);
        if (up == 0 && down == 0)
        {
            if (!format.IsSigned && samples.ContainsAnyInRange(int.MinValue, -1))
            {
                throw new UnsupportedImageException(path, "unsigned pixels of 32 bits above 2 147 483 647", "smaller values", "Rescale the image to 16 bits.");
            }

            return;
        }

        for (var n = 0; n < samples.Length; n++)
        {
            samples[n] = format.IsSigned ? samples[n] << up >> down : (int)((uint)samples[n] << up >> down);
        }
    }

    /// <summary>Decodes a frame of at most 16 bits a sample.</summary>
    /// <param name="frame">Which, from 0.</param>
    /// <param name="words">As <see cref="Decode"/> gives them; the bits of unsigned values above 32767 are those of negative ones.</param>
    public void DecodeWords(int frame, Span<short> words)
    {
        if (frames.Count == 0 && format is { BitsAllocated: 16, Samples: 1 } && !dataset.Syntax.IsBigEndian && BitConverter.IsLittleEndian)
        {
            // Most scans: the file has them as they are wanted.
            var source = MemoryMarshal.Cast<byte, short>(native.Span.Slice(2 * frame * format.Pixels, 2 * format.Pixels));
            var (up, down) = (15 - format.HighBit, 16 - format.BitsStored);
            if (down == 0)
            {
                source.CopyTo(words);
            }
            else if (format.IsSigned)
            {
                for (var n = 0; n < words.Length; n++)
                {
                    words[n] = (short)((short)(source[n] << up) >> down);
                }
            }
            else
            {
                for (var n = 0; n < words.Length; n++)
                {
                    words[n] = (short)((ushort)(source[n] << up) >> down);
                }
            }

            return;
        }

        var samples = ArrayPool<int>.Shared.Rent(words.Length);
        Decode(frame, samples.AsSpan(0, words.Length));
        for (var n = 0; n < words.Length; n++)
        {
            words[n] = (short)samples[n];
        }

        ArrayPool<int>.Shared.Return(samples);
    }

    private void Interleave(Span<int> samples)
    {
        var planes = samples.ToArray();
        for (var n = 0; n < samples.Length; n++)
        {
            samples[n] = planes[n % format.Samples * format.Pixels + n / format.Samples];
        }
    }

    private List<ReadOnlyMemory<byte>> Frames(IReadOnlyList<ReadOnlyMemory<byte>> fragments, int count)
    {
        var parts = fragments.Skip(1).ToList();
        if (parts.Count == count)
        {
            return parts;
        }

        if (parts.Count > count)
        {
            if (count == 1)
            {
                return [Joined(parts)];
            }

            // A frame begins where the offset table says or, without one, where a stream of the codec does.
            var starts = new HashSet<long>();
            var table = fragments[0].Span;
            for (var n = 0; n + 4 <= table.Length; n += 4)
            {
                starts.Add(System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(table[n..]));
            }

            var (frames, offset) = (new List<List<ReadOnlyMemory<byte>>>(), 0L);
            foreach (var part in parts)
            {
                if (starts.Count > 0 ? starts.Contains(offset) : part.Span is [0xFF, 0xD8 or 0x4F, 0xFF, ..])
                {
                    frames.Add([]);
                }

                if (frames.Count > 0)
                {
                    frames[^1].Add(part);
                }

                offset += 8 + part.Length;
            }

            if (frames.Count == count)
            {
                return frames.ConvertAll(Joined);
            }
        }

        throw new InvalidImageFileException(dataset.Path, $"{parts.Count} fragments of pixels", $"{count} frames of one or more fragments", "The file is cut short; copy it again.");
    }

    private static ReadOnlyMemory<byte> Joined(List<ReadOnlyMemory<byte>> parts)
    {
        if (parts.Count == 1)
        {
            return parts[0];
        }

        var joined = new byte[parts.Sum(p => p.Length)];
        var at = 0;
        foreach (var part in parts)
        {
            part.CopyTo(joined.AsMemory(at));
            at += part.Length;
        }

        return joined;
    }
}
