namespace Credence.Inference.Metrics;

/// <summary>Items in rising order of a score; items with the same score keep their order.</summary>
/// <remarks>Radix sort from the least significant digit, 11 bits a pass, of the float's bits mapped to an unsigned order; each item carries a small tag along.</remarks>
internal sealed class ScoreOrder
{
    private const int DigitBits = 11, Digits = 1 << DigitBits;

    private readonly ulong[] items; // order-preserving bits of the score, then the tag

    private ScoreOrder(ulong[] items) => this.items = items;

    /// <summary>Number of items.</summary>
    public int Count => items.Length;

    /// <summary>Tag of the item at a rank.</summary>
    public ushort Tag(int rank) => (ushort)items[rank];

    /// <summary>Score of the item at a rank.</summary>
    public float Score(int rank)
    {
        var key = (uint)(items[rank] >> 32);
        return BitConverter.UInt32BitsToSingle((key & 0x8000_0000) != 0 ? key & 0x7FFF_FFFF : ~key);
    }

    /// <summary>Whether the items at two ranks have the same score.</summary>
    public bool IsTie(int rank, int other) => items[rank] >> 32 == items[other] >> 32;

    /// <summary>Sorts.</summary>
    /// <param name="scores">No NaN; -0 counts as 0.</param>
    /// <param name="tags">One an item.</param>
    /// <exception cref="ArgumentException">A score is NaN.</exception>
    public static ScoreOrder Sort(ReadOnlySpan<float> scores, ReadOnlySpan<ushort> tags)
    {
        var items = new ulong[scores.Length];
        for (var n = 0; n < items.Length; n++)
        {
            if (float.IsNaN(scores[n]))
            {
                throw new ArgumentException($"Score {n} is NaN, which has no place in an order.", nameof(scores));
            }

            var bits = BitConverter.SingleToUInt32Bits(scores[n] + 0f); // -0 becomes 0
            var key = (bits & 0x8000_0000) != 0 ? ~bits : bits | 0x8000_0000;
            items[n] = (ulong)key << 32 | tags[n];
        }

        var target = new ulong[items.Length];
        for (var shift = 32; shift < 64; shift += DigitBits)
        {
            var starts = new int[Digits];
            foreach (var item in items)
            {
                starts[(int)(item >> shift) & (Digits - 1)]++;
            }

            if (starts.AsSpan().Contains(items.Length))
            {
                continue; // all items have this digit in common
            }

            var sum = 0;
            foreach (ref var start in starts.AsSpan())
            {
                (start, sum) = (sum, sum + start);
            }

            foreach (var item in items)
            {
                target[starts[(int)(item >> shift) & (Digits - 1)]++] = item;
            }

            (items, target) = (target, items);
        }

        return new(items);
    }
}
