using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>Encodes attributes in explicit VR little endian, in ascending order of their tags.</summary>
/// <remarks>Source: DICOM PS3.5 (2026), section 7.1.2.</remarks>
internal sealed class DicomElementWriter
{
    private readonly ArrayBufferWriter<byte> buffer = new();
    private uint last;

    public void Text(ushort group, ushort element, string valueRepresentation, string value)
    {
        var bytes = Encoding.ASCII.GetBytes(value);
        // UIDs are padded with a zero, all other text with a space.
        Bytes(group, element, valueRepresentation, bytes, valueRepresentation == "UI" ? (byte)0 : (byte)' ');
    }

    /// <summary>DS: at most 16 characters a number.</summary>
    public void Decimals(ushort group, ushort element, params double[] values) =>
        Text(group, element, "DS", string.Join('\\', values.Select(Decimal)));

    public void Number(ushort group, ushort element, int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, checked((ushort)value));
        Bytes(group, element, "US", bytes, 0);
    }

    public void Bytes(ushort group, ushort element, string valueRepresentation, ReadOnlySpan<byte> value, byte padding)
    {
        var tag = (uint)group << 16 | element;
        if (tag <= last)
        {
            throw new ArgumentException($"Attribute ({group:X4},{element:X4}) does not come after the one before it.", nameof(element));
        }

        last = tag;
        var length = value.Length + value.Length % 2;
        var isLong = valueRepresentation is "OB" or "OW" or "SQ" or "UT";
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
