using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>Encodes attributes in explicit VR little endian, in ascending order of their tags.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), section 7.1.2; sequences and items with defined length, section 7.5. Text is UTF-8 (ISO_IR 192).</remarks>
internal sealed class DicomElementWriter
{
    private readonly ArrayBufferWriter<byte> buffer = new();
    private uint last;

    public void Text(ushort group, ushort element, string valueRepresentation, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        // UIDs are padded with a zero, all other text with a space.
        Bytes(group, element, valueRepresentation, bytes, valueRepresentation == "UI" ? (byte)0 : (byte)' ');
    }

    /// <summary>DS: at most 16 characters a number.</summary>
    public void Decimals(ushort group, ushort element, params double[] values) =>
        Text(group, element, "DS", string.Join('\\', values.Select(Decimal)));

    /// <summary>IS.</summary>
    public void Integer(ushort group, ushort element, int value) => Text(group, element, "IS", value.ToString(CultureInfo.InvariantCulture));

    /// <summary>US.</summary>
    public void Number(ushort group, ushort element, params int[] values)
    {
        var bytes = new byte[2 * values.Length];
        for (var n = 0; n < values.Length; n++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2 * n), checked((ushort)values[n]));
        }

        Bytes(group, element, "US", bytes, 0);
    }

    /// <summary>UL.</summary>
    public void Longs(ushort group, ushort element, params int[] values)
    {
        var bytes = new byte[4 * values.Length];
        for (var n = 0; n < values.Length; n++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4 * n), checked((uint)values[n]));
        }

        Bytes(group, element, "UL", bytes, 0);
    }

    /// <summary>FD.</summary>
    public void Doubles(ushort group, ushort element, params double[] values)
    {
        var bytes = new byte[8 * values.Length];
        for (var n = 0; n < values.Length; n++)
        {
            BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(8 * n), values[n]);
        }

        Bytes(group, element, "FD", bytes, 0);
    }

    /// <summary>AT: another tag.</summary>
    public void Pointer(ushort group, ushort element, DicomTag tag)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, tag.Group);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(2), tag.Element);
        Bytes(group, element, "AT", bytes, 0);
    }

    /// <summary>SQ: each item is written by its own action.</summary>
    public void Sequence(ushort group, ushort element, params IReadOnlyList<Action<DicomElementWriter>> items)
    {
        var sequence = new ArrayBufferWriter<byte>();
        foreach (var write in items)
        {
            var item = new DicomElementWriter();
            write(item);
            var header = new byte[8];
            BinaryPrimitives.WriteUInt16LittleEndian(header, DicomTag.Item.Group);
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), DicomTag.Item.Element);
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(4), (uint)item.buffer.WrittenCount);
            sequence.Write(header);
            sequence.Write(item.buffer.WrittenSpan);
        }

        Bytes(group, element, "SQ", sequence.WrittenSpan, 0);
    }

    /// <summary>A sequence of one coded concept.</summary>
    public void Code(ushort group, ushort element, DicomCode code) => Sequence(group, element, [item =>
    {
        item.Text(0x0008, 0x0100, "SH", code.Value);
        item.Text(0x0008, 0x0102, "SH", code.Scheme);
        item.Text(0x0008, 0x0104, "LO", code.Meaning);
    }]);

    public void Bytes(ushort group, ushort element, string valueRepresentation, ReadOnlySpan<byte> value, byte padding)
    {
        var tag = (uint)group << 16 | element;
        if (tag <= last)
        {
            throw new ArgumentException($"Attribute ({group:X4},{element:X4}) does not come after the one before it.", nameof(element));
        }

        last = tag;
        var length = value.Length + value.Length % 2;
        var isLong = valueRepresentation is "OB" or "OF" or "OW" or "SQ" or "UC" or "UT";
        var header = new byte[isLong ? 12 : 8];
        BinaryPrimitives.WriteUInt16LittleEndian(header, group);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), element);
        Encoding.ASCII.GetBytes(valueRepresentation, header.AsSpan(4));
        if (isLong)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), (uint)length);
        }
        else
        {
            BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), checked((ushort)length));
        }

        buffer.Write(header);
        buffer.Write(value);
        if (value.Length % 2 == 1)
        {
            buffer.Write([padding]);
        }
    }

    public byte[] ToArray() => buffer.WrittenSpan.ToArray();

    /// <summary>Writes a file: preamble, file meta information, data set.</summary>
    public static void WriteFile(string path, string sopClass, string sopInstance, DicomElementWriter dataset)
    {
        var rest = new DicomElementWriter();
        rest.Bytes(0x0002, 0x0001, "OB", [0, 1], 0);
        rest.Text(0x0002, 0x0002, "UI", sopClass);
        rest.Text(0x0002, 0x0003, "UI", sopInstance);
        rest.Text(0x0002, 0x0010, "UI", TransferSyntax.ExplicitLittleEndian.Uid);
        rest.Text(0x0002, 0x0012, "UI", DicomUid.Implementation);
        rest.Text(0x0002, 0x0013, "SH", "CREDENCE");
        var meta = new DicomElementWriter();
        meta.Longs(0x0002, 0x0000, rest.buffer.WrittenCount);
        OutputFile.Write(path, stream =>
        {
            stream.Write(new byte[128]);
            stream.Write("DICM"u8);
            stream.Write(meta.buffer.WrittenSpan);
            stream.Write(rest.buffer.WrittenSpan);
            stream.Write(dataset.buffer.WrittenSpan);
        });
    }

    private static string Decimal(double value)
    {
        for (var digits = 15; digits > 5; digits--)
        {
            var text = value.ToString($"G{digits}", CultureInfo.InvariantCulture);
            if (text.Length <= 16)
            {
                return text;
            }
        }

        return value.ToString("G6", CultureInfo.InvariantCulture);
    }
}
