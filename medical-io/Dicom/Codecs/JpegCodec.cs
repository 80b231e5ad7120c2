using System.Buffers.Binary;

namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>JPEG with Huffman codes: baseline and extended sequential of 8 and 12 bits, and lossless of up to 16.</summary>
/// <remarks>
/// Source: ITU-T T.81. Progressive and arithmetic coding are refused, and components that are subsampled by more than 2.
/// </remarks>
internal sealed class JpegCodec
{
    private const int BlockSize = 64;
    private const string Decompress = "Decompress it with `dcmdjpeg` or `gdcmconv --raw`.";

    private static readonly byte[] Zigzag =
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    private readonly string path;
    private readonly FrameFormat format;
    private readonly ushort[]?[] quantisation = new ushort[4][];
    private readonly JpegHuffmanTable?[] direct = new JpegHuffmanTable[4];
    private readonly JpegHuffmanTable?[] alternating = new JpegHuffmanTable[4];
    private Component[] components = [];
    private int mcuAcross, mcuDown; // largest sampling factors: blocks of a minimum coded unit
    private int precision;
    private bool isLossless;
    private int restartInterval;

    private JpegCodec(string path, FrameFormat format) => (this.path, this.format) = (path, format);

    /// <summary>Decodes a frame into interleaved samples.</summary>
    /// <exception cref="InvalidImageFileException">Damaged.</exception>
    /// <exception cref="UnsupportedImageException">A kind of JPEG that is not decoded here.</exception>
    public static void Decode(string path, ReadOnlySpan<byte> frame, FrameFormat format, Span<int> samples) => new JpegCodec(path, format).Decode(frame, samples);

    private void Decode(ReadOnlySpan<byte> data, Span<int> samples)
    {
        if (data is not [0xFF, 0xD8, ..])
        {
            throw Damaged("no start of image", "FF D8");
        }

        var position = 2;
        while (true)
        {
            while (position < data.Length && data[position] != 0xFF)
            {
                position++;
            }

            while (position < data.Length && data[position] == 0xFF)
            {
                position++;
            }

            if (position >= data.Length || data[position] == 0xD9)
            {
                break;
            }

            var marker = data[position++];
            if (marker is 0 or 0x01 or (>= 0xD0 and <= 0xD7))
            {
                continue;
            }

            var length = position + 2 <= data.Length ? BinaryPrimitives.ReadUInt16BigEndian(data[position..]) : 0;
            if (length < 2 || position + length > data.Length)
            {
                throw Damaged($"marker FF{marker:X2} of {length} bytes", "a marker inside the frame");
            }

            var body = data.Slice(position + 2, length - 2);
            position += length;
            switch (marker)
            {
                case 0xDB:
                    ReadQuantisation(body);
                    break;
                case 0xC4:
                    ReadHuffman(body);
                    break;
                case 0xC0 or 0xC1 or 0xC3:
                    ReadFrame(body, marker);
                    break;
                case >= 0xC5 and <= 0xCF or 0xC2:
                    throw new UnsupportedImageException(path, $"JPEG of kind FF{marker:X2} (progressive, hierarchical or arithmetic)", "sequential or lossless Huffman JPEG", Decompress);
                case 0xDD:
                    restartInterval = body.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(body) : 0;
                    break;
                case 0xDA:
                    position += ReadScan(body, data[position..], samples);
                    break;
            }
        }

        var scanned = components.Count(c => c.Direct is not null);
        if (scanned < format.Samples)
        {
            throw Damaged($"{scanned} of {format.Samples} components", "all");
        }

        foreach (var c in components.Where(_ => !isLossless))
        {
            JpegUpsampling.Fill(c.Plane, 8 * c.BlocksAcross, c.Width, c.Height, mcuAcross / c.Across, mcuDown / c.Down, samples[c.Index..], format);
        }
    }

    private void ReadQuantisation(ReadOnlySpan<byte> body)
    {
        while (!body.IsEmpty)
        {
            var (bytes, table) = (body[0] >> 4 == 0 ? 1 : 2, body[0] & 15);
            if (table > 3 || body.Length < 1 + BlockSize * bytes)
            {
                throw Damaged("half a quantisation table", "64 values");
            }

            var values = new ushort[BlockSize];
            for (var n = 0; n < BlockSize; n++)
            {
                values[Zigzag[n]] = bytes == 1 ? body[1 + n] : BinaryPrimitives.ReadUInt16BigEndian(body[(1 + 2 * n)..]);
            }

            quantisation[table] = values;
            body = body[(1 + BlockSize * bytes)..];
        }
    }

    private void ReadHuffman(ReadOnlySpan<byte> body)
    {
        while (!body.IsEmpty)
        {
            var count = 0;
            for (var n = 1; n <= 16 && n < body.Length; n++)
            {
                count += body[n];
            }

            if (body.Length < 17 + count || (body[0] & 15) > 3 || JpegHuffmanTable.Create(body.Slice(1, 16), body.Slice(17, count)) is not { } table)
            {
                throw Damaged("a Huffman table that is no code", "16 counts and their values");
            }

            (body[0] >> 4 == 0 ? direct : alternating)[body[0] & 15] = table;
            body = body[(17 + count)..];
        }
    }

    private void ReadFrame(ReadOnlySpan<byte> body, byte marker)
    {
        if (components.Length > 0)
        {
            throw Damaged("a second frame header", "one");
        }

        if (body.Length < 6 || body.Length < 6 + 3 * body[5])
        {
            throw Damaged("half a frame header", "size and components");
        }

        (precision, isLossless) = (body[0], marker == 0xC3);
        var (height, width, count) = (BinaryPrimitives.ReadUInt16BigEndian(body[1..]), BinaryPrimitives.ReadUInt16BigEndian(body[3..]), (int)body[5]);
        if (height != format.Rows || width != format.Columns || count != format.Samples)
        {
            throw Damaged($"{width} x {height} pixels of {count} components", $"{format.Columns} x {format.Rows} of {format.Samples}, as the attributes say");
        }

        if (isLossless ? precision is < 2 or > 16 : precision is not (8 or 12))
        {
            throw Damaged($"{precision} bits", isLossless ? "2 to 16" : "8 or 12");
        }

        components = new Component[count];
        for (var n = 0; n < count; n++)
        {
            var entry = body.Slice(6 + 3 * n, 3);
            components[n] = new(n, entry[0], entry[2] & 3, count == 1 ? 1 : entry[1] >> 4, count == 1 ? 1 : entry[1] & 15);
        }

        (mcuAcross, mcuDown) = (components.Max(c => c.Across), components.Max(c => c.Down));
        foreach (var c in components)
        {
            if (c.Across is < 1 or > 4 || c.Down is < 1 or > 4)
            {
                throw Damaged($"sampling factors {c.Across} x {c.Down}", "1 to 4");
            }

            if (mcuAcross % c.Across != 0 || mcuDown % c.Down != 0 || mcuAcross / c.Across > 2 || mcuDown / c.Down > 2 || isLossless && (mcuAcross, mcuDown) != (1, 1))
            {
                throw new UnsupportedImageException(path, $"JPEG colour with a component of {c.Across} x {c.Down} of {mcuAcross} x {mcuDown}", "components of full or half size", Decompress);
            }

            (c.Width, c.Height) = (Share(width, c.Across, mcuAcross), Share(height, c.Down, mcuDown));
            (c.BlocksAcross, c.BlocksDown) = (Share(width, 1, 8 * mcuAcross) * c.Across, Share(height, 1, 8 * mcuDown) * c.Down);
        }

        static int Share(int edge, int part, int whole) => (edge * part + whole - 1) / whole;
    }

    /// <summary>Decodes one scan.</summary>
    /// <returns>Bytes of entropy-coded data read.</returns>
    private int ReadScan(ReadOnlySpan<byte> header, ReadOnlySpan<byte> data, Span<int> samples)
    {
        if (header.Length < 1 || header[0] == 0 || header.Length < 4 + 2 * header[0] || components.Length == 0)
        {
            throw Damaged("half a scan header", "components and their tables");
        }

        var scan = new Component[header[0]];
        for (var n = 0; n < scan.Length; n++)
        {
            var (id, tables) = (header[1 + 2 * n], header[2 + 2 * n]);
            var component = Array.Find(components, c => c.Id == id) ?? throw Damaged($"component {id} in a scan", "a component of the frame");
            component.Direct = direct[tables >> 4 & 3] ?? throw Damaged("no Huffman table", "a table before the scan");
            component.Alternating = alternating[tables & 3];
            if (!isLossless && component.Plane.Length == 0)
            {
                component.Plane = new int[BlockSize * component.BlocksAcross * component.BlocksDown];
            }

            scan[n] = component;
        }

        var bits = new JpegBits(data);
        var (selection, shift) = (header[1 + 2 * scan.Length], header[3 + 2 * scan.Length] & 15);
        if (isLossless)
        {
            DecodeLossless(ref bits, scan, selection, shift, samples);
        }
        else
        {
            DecodeBlocks(ref bits, scan);
        }

        if (bits.Overrun > 0)
        {
            throw Damaged($"a scan that ends {bits.Overrun} bits too early", "all its pixels");
        }

        return bits.Position;
    }

    /// <summary>Annex H: each sample is predicted from those to the left (a), above (b) and above left (c).</summary>
    private void DecodeLossless(ref JpegBits bits, Component[] scan, int selection, int shift, Span<int> samples)
    {
        if (selection is < 1 or > 7 || shift >= precision)
        {
            throw Damaged($"predictor {selection} and point transform {shift}", "a predictor from 1 to 7");
        }

        var (columns, stride) = (format.Columns, format.Columns * format.Samples);
        var initial = 1 << (precision - shift - 1);
        var untilRestart = restartInterval == 0 ? int.MaxValue : restartInterval;
        var isRowAfterRestart = true; // of which the first sample is predicted by the middle of the range, the others by a
        for (var row = 0; row < format.Rows; row++)
        {
            for (var column = 0; column < columns; column++)
            {
                var isFirst = row == 0 && column == 0;
                if (untilRestart == 0)
                {
                    bits.Restart();
                    untilRestart = restartInterval;
                    (isRowAfterRestart, isFirst) = (true, true);
                }

                untilRestart--;
                foreach (var component in scan)
                {
                    var at = row * stride + column * format.Samples + component.Index;
                    int prediction;
                    if (isFirst)
                    {
                        prediction = initial;
                    }
                    else if (isRowAfterRestart)
                    {
                        prediction = samples[at - format.Samples];
                    }
                    else if (column == 0)
                    {
                        prediction = samples[at - stride];
                    }
                    else
                    {
                        var (a, b, c) = (samples[at - format.Samples], samples[at - stride], samples[at - stride - format.Samples]);
                        prediction = selection switch
                        {
                            1 => a,
                            2 => b,
                            3 => c,
                            4 => a + b - c,
                            5 => a + ((b - c) >> 1),
                            6 => b + ((a - c) >> 1),
                            _ => (a + b) >> 1,
                        };
                    }

                    var size = component.Direct!.Read(ref bits);
                    if (size is < 0 or > 16)
                    {
                        throw Damaged("bits that are no code", "Huffman codes");
                    }

                    var difference = size == 16 ? 32768 : Extend(bits.Read(size), size);
                    samples[at] = (prediction + difference) & 0xFFFF;
                }
            }

            isRowAfterRestart = false;
        }

        if (shift > 0)
        {
            foreach (var component in scan)
            {
                for (var n = component.Index; n < samples.Length; n += format.Samples)
                {
                    samples[n] <<= shift;
                }
            }
        }
    }

    private void DecodeBlocks(ref JpegBits bits, Component[] scan)
    {
        Span<int> block = stackalloc int[BlockSize];

        // A scan of several components holds units of all their blocks; a scan of one holds the blocks that its pixels touch.
        var isAlone = scan.Length == 1;
        var (across, down) = isAlone ? ((scan[0].Width + 7) / 8, (scan[0].Height + 7) / 8) : (scan[0].BlocksAcross / scan[0].Across, scan[0].BlocksDown / scan[0].Down);
        var untilRestart = restartInterval == 0 ? int.MaxValue : restartInterval;
        Array.ForEach(scan, c => c.Predictor = 0);
        for (var unit = 0; unit < across * down; unit++)
        {
            if (untilRestart == 0)
            {
                bits.Restart();
                untilRestart = restartInterval;
                Array.ForEach(scan, c => c.Predictor = 0);
            }

            untilRestart--;
            foreach (var component in scan)
            {
                var (columns, rows) = isAlone ? (1, 1) : (component.Across, component.Down);
                for (var n = 0; n < columns * rows; n++)
                {
                    ReadBlock(ref bits, component, block);
                    JpegCosineTransform.Transform(block, precision);
                    Store(block, unit % across * columns + n % columns, unit / across * rows + n / columns, component);
                }
            }
        }
    }

    private void ReadBlock(ref JpegBits bits, Component component, scoped Span<int> block)
    {
        var steps = quantisation[component.Quantisation] ?? throw Damaged("no quantisation table", "a table before the scan");
        var codes = component.Alternating ?? throw Damaged("no Huffman table", "a table before the scan");
        block.Clear();
        var size = component.Direct!.Read(ref bits);
        if (size is < 0 or > 15)
        {
            throw Damaged("bits that are no code", "Huffman codes");
        }

        component.Predictor += Extend(bits.Read(size), size);
        block[0] = component.Predictor * steps[0];
        for (var k = 1; k < BlockSize; k++)
        {
            var code = codes.Read(ref bits);
            if (code < 0)
            {
                throw Damaged("bits that are no code", "Huffman codes");
            }

            var (run, length) = (code >> 4, code & 15);
            if (length == 0)
            {
                if (run < 15)
                {
                    return;
                }

                k += 15;
                continue;
            }

            k += run;
            if (k >= BlockSize)
            {
                throw Damaged("a run beyond its block", "64 coefficients");
            }

            block[Zigzag[k]] = Extend(bits.Read(length), length) * steps[Zigzag[k]];
        }
    }

    private void Store(Span<int> block, int bx, int by, Component component)
    {
        var (centre, largest, stride) = (1 << (precision - 1), (1 << precision) - 1, 8 * component.BlocksAcross);
        for (var y = 0; y < 8; y++)
        {
            var row = component.Plane.AsSpan((8 * by + y) * stride + 8 * bx, 8);
            for (var x = 0; x < 8; x++)
            {
                row[x] = Math.Clamp(block[8 * y + x] + centre, 0, largest);
            }
        }
    }

    /// <summary>Section F.2.2.1: bits of a given number to a signed value.</summary>
    private static int Extend(int bits, int size) => size == 0 || bits >> (size - 1) == 1 ? bits : bits - (1 << size) + 1;

    private InvalidImageFileException Damaged(string found, string expected) => new(path, $"JPEG pixels with {found}", expected, "The file is damaged; copy it again.");

    private sealed class Component(int index, byte id, int quantisation, int across, int down)
    {
        public int Index { get; } = index;

        public byte Id { get; } = id;

        public int Quantisation { get; } = quantisation;

        /// <summary>Sampling factor along a row: blocks of a unit.</summary>
        public int Across { get; } = across;

        /// <summary>Sampling factor along a column.</summary>
        public int Down { get; } = down;

        public int Width { get; set; }

        public int Height { get; set; }

        public int BlocksAcross { get; set; }

        public int BlocksDown { get; set; }

        /// <summary>Decoded values of whole blocks, from the first scan on; empty for lossless, which predicts from the samples themselves.</summary>
        public int[] Plane { get; set; } = [];

        public JpegHuffmanTable? Direct { get; set; }

        public JpegHuffmanTable? Alternating { get; set; }

        public int Predictor { get; set; }
    }
}
