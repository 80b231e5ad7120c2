using System.Buffers.Binary;

namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>RLE Lossless: each byte plane of each sample is a segment of PackBits runs.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), annex G.</remarks>
internal static class RunLengthCodec
{
    private const int HeaderLength = 64;
    private const int MostSegments = 15;

    /// <summary>Decodes a frame into interleaved samples.</summary>
    /// <exception cref="InvalidImageFileException">Damaged.</exception>
    public static void Decode(string path, ReadOnlySpan<byte> frame, FrameFormat format, Span<int> samples)
    {
        var bytes = format.BitsAllocated / 8;
        var segments = format.Samples * bytes;
        if (bytes == 0)
        {
            throw Damaged(path, "single bits", "whole bytes");
        }

        if (frame.Length < HeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(frame) is var count && count != segments || count > MostSegments)
        {
            throw Damaged(path, frame.Length < HeaderLength ? $"{frame.Length} bytes" : $"{BinaryPrimitives.ReadUInt32LittleEndian(frame)} segments", $"a header of 64 bytes with {segments} segments");
        }

        samples.Clear();
        var plane = new byte[format.Pixels];
        for (var segment = 0; segment < segments; segment++)
        {
            var start = BinaryPrimitives.ReadUInt32LittleEndian(frame[(4 + 4 * segment)..]);
            if (start < HeaderLength || start > frame.Length)
            {
                throw Damaged(path, $"segment {segment + 1} at byte {start}", $"an offset from {HeaderLength} to {frame.Length}");
            }

            if (Unpack(frame[(int)start..], plane) is var filled && filled < plane.Length)
            {
                throw Damaged(path, $"{filled} bytes in segment {segment + 1}", $"{plane.Length}");
            }

            // The most significant byte comes first.
            var (sample, shift) = (segment / bytes, 8 * (bytes - 1 - segment % bytes));
            for (var n = 0; n < plane.Length; n++)
            {
                samples[n * format.Samples + sample] |= plane[n] << shift;
            }
        }
    }

    /// <summary>PackBits: a count of 0 to 127 copies that many bytes and one more; -1 to -127 repeats the next byte 1 - count times.</summary>
    private static int Unpack(ReadOnlySpan<byte> packed, Span<byte> target)
    {
        var (at, filled) = (0, 0);
        while (at < packed.Length && filled < target.Length)
        {
            var count = (sbyte)packed[at++];
            if (count >= 0)
            {
                var length = Math.Min(Math.Min(count + 1, packed.Length - at), target.Length - filled);
                packed.Slice(at, length).CopyTo(target[filled..]);
                (at, filled) = (at + length, filled + length);
            }
            else if (count != sbyte.MinValue && at < packed.Length)
            {
                var length = Math.Min(1 - count, target.Length - filled);
                target.Slice(filled, length).Fill(packed[at++]);
                filled += length;
            }
        }

        return filled;
    }

    private static InvalidImageFileException Damaged(string path, string found, string expected) =>
        new(path, $"run-length encoded pixels with {found}", expected, "The file is damaged; copy it again.");
}
