using System.Buffers.Binary;

namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>Uncompressed pixels of 1, 8, 16 or 32 bits.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), section 8.1.1 and annex D.</remarks>
internal static class NativeCodec
{
    /// <summary>Bytes of all frames together; frames of single bits follow each other without padding.</summary>
    public static long Length(FrameFormat format, int frames) => ((long)format.Count * format.BitsAllocated * frames + 7) / 8;

    /// <summary>Decodes a frame.</summary>
    /// <param name="pixels">All frames; at least <see cref="Length"/> bytes.</param>
    /// <param name="frame">Which, from 0.</param>
    /// <param name="format">What a frame holds.</param>
    /// <param name="isBigEndian">Order of the bytes in a word.</param>
    /// <param name="isSwapped">Whether pairs of bytes have changed places.</param>
    /// <param name="samples">One a sample, as they lie in the file, unused bits and all.</param>
    public static void Decode(ReadOnlySpan<byte> pixels, int frame, FrameFormat format, bool isBigEndian, bool isSwapped, Span<int> samples)
    {
        var (first, swap) = ((long)frame * samples.Length, isSwapped ? 1 : 0);
        if (format.BitsAllocated == 1)
        {
            for (var n = 0; n < samples.Length; n++)
            {
                var bit = first + n;
                samples[n] = pixels[(int)(bit >> 3) ^ swap] >> (int)(bit & 7) & 1;
            }

            return;
        }

        var bytes = format.BitsAllocated / 8;
        if (bytes == 1)
        {
            for (var n = 0; n < samples.Length; n++)
            {
                samples[n] = pixels[(int)(first + n) ^ swap];
            }

            return;
        }

        pixels = pixels.Slice((int)(first * bytes), samples.Length * bytes);
        for (var n = 0; n < samples.Length; n++)
        {
            samples[n] = (bytes, isBigEndian) switch
            {
                (2, false) => BinaryPrimitives.ReadUInt16LittleEndian(pixels[(2 * n)..]),
                (2, true) => BinaryPrimitives.ReadUInt16BigEndian(pixels[(2 * n)..]),
                (_, false) => BinaryPrimitives.ReadInt32LittleEndian(pixels[(4 * n)..]),
                (_, true) => BinaryPrimitives.ReadInt32BigEndian(pixels[(4 * n)..]),
            };
        }
    }

    /// <summary>Decodes a frame in which two pixels of a row share Cb and Cr: Y, Y, Cb, Cr (PS3.3, section C.7.6.3.1.2).</summary>
    /// <param name="pixels">Of the frame, 2 bytes a pixel.</param>
    /// <param name="samples">Three a pixel.</param>
    public static void DecodeHalved(ReadOnlySpan<byte> pixels, Span<int> samples)
    {
        for (var (at, n) = (0, 0); at + 4 <= pixels.Length; at += 4, n += 6)
        {
            (samples[n], samples[n + 1], samples[n + 2]) = (pixels[at], pixels[at + 2], pixels[at + 3]);
            (samples[n + 3], samples[n + 4], samples[n + 5]) = (pixels[at + 1], pixels[at + 2], pixels[at + 3]);
        }
    }
}
