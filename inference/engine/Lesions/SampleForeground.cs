namespace Credence.Inference.Lesions;

/// <summary>The foreground of one Monte Carlo sample, kept as runs: a few bytes for each row that a lesion crosses, so that samples can be compared at the end.</summary>
internal sealed class SampleForeground
{
    private readonly byte[] bytes; // for each run: gap since the end of the last, length, class; the first two in 7-bit groups, lowest first

    private SampleForeground(byte[] bytes) => this.bytes = bytes;

    /// <summary>Keeps a sample.</summary>
    /// <param name="classes">(V): 0 is background.</param>
    public static SampleForeground Of(ReadOnlySpan<byte> classes)
    {
        var bytes = new List<byte>();
        void Write(int value)
        {
            for (; value >= 0x80; value >>= 7)
            {
                bytes.Add((byte)(value | 0x80));
            }

            bytes.Add((byte)value);
        }

        for (var at = 0; classes[at..].IndexOfAnyExcept((byte)0) is >= 0 and var gap;)
        {
            var run = classes[(at + gap)..];
            var length = run.IndexOfAnyExcept(run[0]) is >= 0 and var end ? end : run.Length;
            Write(gap);
            Write(length);
            bytes.Add(run[0]);
            at += gap + length;
        }

        return new([.. bytes]);
    }

    /// <summary>The runs, in the order of memory.</summary>
    public IEnumerable<(int Start, int Length, byte Class)> Runs()
    {
        var (at, voxel) = (0, 0);
        int Read()
        {
            var (value, shift) = (0, 0);
            for (; bytes[at] >= 0x80; shift += 7)
            {
                value |= (bytes[at++] & 0x7F) << shift;
            }

            return value | bytes[at++] << shift;
        }

        while (at < bytes.Length)
        {
            var start = voxel + Read();
            var length = Read();
            yield return (start, length, bytes[at++]);
            voxel = start + length;
        }
    }
}
