using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;

namespace Credence.Inference.Lesions;

/// <summary>
/// The foreground of one Monte Carlo sample, kept so that samples can be compared at the end: as runs, a few bytes for each row that a lesion crosses, or, where
/// noise makes those longer, as the bits of every voxel's class.
/// </summary>
internal sealed class SampleForeground
{
    private const int WordBits = 64;

    private readonly byte[] runs; // for each run: gap since the end of the last, length, class; the first two in 7-bit groups, lowest first
    private readonly ulong[][] planes; // where there are no runs: plane p has bit p of every voxel's class

    private SampleForeground(byte[] runs, ulong[][] planes) => (this.runs, this.planes) = (runs, planes);

    /// <summary>Bytes that it holds.</summary>
    public long Bytes => runs.Length + planes.Sum(plane => (long)sizeof(ulong) * plane.Length);

    /// <summary>Keeps a sample.</summary>
    /// <param name="classes">(V): 0 is background.</param>
    public static SampleForeground Of(ReadOnlySpan<byte> classes)
    {
        var bits = classes.IsEmpty ? 0 : sizeof(uint) * 8 - BitOperations.LeadingZeroCount((uint)TensorPrimitives.Max(classes));
        var words = (classes.Length + WordBits - 1) / WordBits;
        var buffer = ArrayPool<byte>.Shared.Rent(sizeof(ulong) * bits * words);
        try
        {
            return WriteRuns(classes, buffer.AsSpan(0, sizeof(ulong) * bits * words)) is { } length ? new(buffer[..length], []) : new([], Pack(classes, bits, words));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The runs, in the order of memory.</summary>
    public IEnumerable<(int Start, int Length, byte Class)> Runs() => planes.Length == 0 ? WrittenRuns() : PackedRuns();

    /// <returns>Number of bytes; null where there is no room.</returns>
    private static int? WriteRuns(ReadOnlySpan<byte> classes, Span<byte> target)
    {
        const int Longest = 11; // 5 bytes a number of 32 bits, and the class
        var written = 0;
        for (var at = 0; classes[at..].IndexOfAnyExcept((byte)0) is >= 0 and var gap;)
        {
            var run = classes[(at + gap)..];
            var length = run.IndexOfAnyExcept(run[0]) is >= 0 and var end ? end : run.Length;
            if (target.Length - written < Longest)
            {
                return null;
            }

            written += Write(gap, target[written..]);
            written += Write(length, target[written..]);
            target[written++] = run[0];
            at += gap + length;
        }

        return written;
    }

    private static int Write(int value, Span<byte> target)
    {
        var written = 0;
        for (; value >= 0x80; value >>= 7)
        {
            target[written++] = (byte)(value | 0x80);
        }

        target[written++] = (byte)value;
        return written;
    }

    private static ulong[][] Pack(ReadOnlySpan<byte> classes, int bits, int words)
    {
        ulong[][] planes = [.. Enumerable.Range(0, bits).Select(_ => new ulong[words])];
        for (var v = 0; v < classes.Length; v++)
        {
            for (var p = 0; p < bits; p++)
            {
                planes[p][v / WordBits] |= (ulong)(classes[v] >> p & 1) << v % WordBits;
            }
        }

        return planes;
    }

    private IEnumerable<(int Start, int Length, byte Class)> WrittenRuns()
    {
        var (at, voxel) = (0, 0);
        int Read()
        {
            var (value, shift) = (0, 0);
            for (; runs[at] >= 0x80; shift += 7)
            {
                value |= (runs[at++] & 0x7F) << shift;
            }

            return value | runs[at++] << shift;
        }

        while (at < runs.Length)
        {
            var start = voxel + Read();
            var length = Read();
            yield return (start, length, runs[at++]);
            voxel = start + length;
        }
    }

    private IEnumerable<(int Start, int Length, byte Class)> PackedRuns()
    {
        var (start, @class) = (0, (byte)0);
        for (var word = 0; word <= planes[0].Length; word++)
        {
            // A run ends where a bit of any plane differs from the one before it. Behind the last word all is background.
            var changes = 0UL;
            foreach (var plane in planes)
            {
                var bits = word < plane.Length ? plane[word] : 0;
                changes |= bits ^ (bits << 1 | (word == 0 ? 0 : plane[word - 1] >> (WordBits - 1)));
            }

            for (; changes != 0; changes &= changes - 1)
            {
                var bit = BitOperations.TrailingZeroCount(changes);
                var voxel = WordBits * word + bit;
                if (@class != 0)
                {
                    yield return (start, voxel - start, @class);
                }

                (start, @class) = (voxel, 0);
                for (var p = 0; p < planes.Length && word < planes[p].Length; p++)
                {
                    @class |= (byte)((planes[p][word] >> bit & 1) << p);
                }
            }
        }
    }
}
