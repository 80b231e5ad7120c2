namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>The entropy-coded bits of a JPEG scan: a stuffed zero follows each FF; another byte there is a marker and ends the bits.</summary>
/// <remarks>Source: ITU-T T.81, sections B.1.1.5 and F.2.2. Past the end the bits are zeros, so that reading goes on without a hang; <see cref="Overrun"/> tells it afterwards.</remarks>
internal ref struct JpegBits(ReadOnlySpan<byte> data)
{
    private readonly ReadOnlySpan<byte> data = data;
    private ulong buffer;
    private int available;
    private long missing, earlierOverrun; // zeros put into the buffer after the end; those taken before a restart

    /// <summary>Byte that is read next.</summary>
    public int Position { get; private set; }

    /// <summary>Bits that were taken although the data had ended, here or before a restart: above 0 what was decoded is made up.</summary>
    public readonly long Overrun => earlierOverrun + Math.Max(0, missing - available);

    /// <summary>The next bits without taking them.</summary>
    /// <param name="count">1 to 16.</param>
    public int Peek(int count)
    {
        if (available < count)
        {
            Fill();
        }

        return (int)(buffer >> (available - count)) & ((1 << count) - 1);
    }

    /// <summary>Takes bits that were peeked at.</summary>
    public void Skip(int count) => available -= count;

    /// <summary>Takes the next bits.</summary>
    public int Read(int count)
    {
        if (count == 0)
        {
            return 0;
        }

        var bits = Peek(count);
        available -= count;
        return bits;
    }

    /// <summary>Drops what is left of the current byte and steps over a restart marker.</summary>
    public void Restart()
    {
        (earlierOverrun, missing) = (Overrun, 0);
        (buffer, available) = (0, 0);
        while (Position + 1 < data.Length)
        {
            if (data[Position] == 0xFF && data[Position + 1] is >= 0xD0 and <= 0xD7)
            {
                Position += 2;
                return;
            }

            if (data[Position] == 0xFF && data[Position + 1] is not (0 or 0xFF))
            {
                return;
            }

            Position++;
        }
    }

    private void Fill()
    {
        while (available <= 48)
        {
            byte next = 0;
            if (Position < data.Length && !(data[Position] == 0xFF && Position + 1 < data.Length && data[Position + 1] != 0))
            {
                next = data[Position];
                Position += next == 0xFF ? 2 : 1;
            }
            else
            {
                missing += 8;
            }

            buffer = buffer << 8 | next;
            available += 8;
        }
    }
}

/// <summary>A Huffman code of JPEG: from bits to one byte.</summary>
/// <remarks>Source: ITU-T T.81, annexes C and F.2.2.3. Codes of up to nine bits are looked up, longer ones compared length by length.</remarks>
internal sealed class JpegHuffmanTable
{
    private const int LookupBits = 9;

    private readonly byte[] values;
    private readonly int[] largest = new int[18]; // largest code of each length; -1 without one
    private readonly int[] offset = new int[17];
    private readonly short[] lookup = new short[1 << LookupBits]; // length << 8 | value; 0 for longer codes

    private JpegHuffmanTable(byte[] values) => this.values = values;

    /// <summary>Builds the table; null when the lengths are not those of a code.</summary>
    /// <param name="counts">Codes of each length from 1 to 16.</param>
    /// <param name="values">In the order of their codes.</param>
    public static JpegHuffmanTable? Create(ReadOnlySpan<byte> counts, ReadOnlySpan<byte> values)
    {
        var table = new JpegHuffmanTable(values.ToArray());
        var (code, next) = (0, 0);
        for (var length = 1; length <= 16; length++)
        {
            table.offset[length] = next - code;
            table.largest[length] = counts[length - 1] == 0 ? -1 : code + counts[length - 1] - 1;
            if (code + counts[length - 1] > 1 << length)
            {
                return null;
            }

            for (var n = 0; n < counts[length - 1]; n++, code++, next++)
            {
                if (length <= LookupBits)
                {
                    table.lookup.AsSpan(code << (LookupBits - length), 1 << (LookupBits - length)).Fill((short)(length << 8 | values[next]));
                }
            }

            code <<= 1;
        }

        return table;
    }

    /// <summary>Reads one value; -1 when the bits are no code.</summary>
    public int Read(ref JpegBits bits)
    {
        var entry = lookup[bits.Peek(LookupBits)];
        if (entry != 0)
        {
            bits.Skip(entry >> 8);
            return entry & 0xFF;
        }

        var code = bits.Peek(16);
        for (var length = LookupBits + 1; length <= 16; length++)
        {
            var prefix = code >> (16 - length);
            if (prefix <= largest[length])
            {
                bits.Skip(length);
                return values[prefix + offset[length]];
            }
        }

        return -1;
    }
}
