using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Nifti;

/// <summary>Turns the stored words of a NIfTI file into voxels: stored value x slope + intercept.</summary>
/// <param name="isBigEndian">Byte order of the words.</param>
/// <param name="slope">scl_slope.</param>
/// <param name="intercept">scl_inter.</param>
internal sealed class NiftiWords(bool isBigEndian, double slope, double intercept)
{
    private delegate void Reverse<T>(ReadOnlySpan<T> source, Span<T> target);

    /// <summary>Integers so far that float32 does not hold exactly; counted where slope and intercept change nothing.</summary>
    public long Rounded { get; private set; }

    /// <summary>Converts a run of words.</summary>
    /// <param name="type">Of one number a voxel.</param>
    /// <param name="raw">The bytes; put into this machine's order.</param>
    /// <param name="target">As many voxels.</param>
    public void Convert(NiftiDataType type, Span<byte> raw, Span<float> target)
    {
        Order(type.Bytes(), raw);
        switch (type)
        {
            case NiftiDataType.UInt8: ConvertAs<byte>(raw, target); break;
            case NiftiDataType.Int8: ConvertAs<sbyte>(raw, target); break;
            case NiftiDataType.Int16: ConvertAs<short>(raw, target); break;
            case NiftiDataType.UInt16: ConvertAs<ushort>(raw, target); break;
            case NiftiDataType.Int32: ConvertAs<int>(raw, target, isWide: true); break;
            case NiftiDataType.UInt32: ConvertAs<uint>(raw, target, isWide: true); break;
            case NiftiDataType.Int64: ConvertAs<long>(raw, target, isWide: true); break;
            case NiftiDataType.UInt64: ConvertAs<ulong>(raw, target, isWide: true); break;
            case NiftiDataType.Float64: ConvertAs<double>(raw, target); break;
            default: ConvertAs<float>(raw, target); break;
        }
    }

    /// <summary>Puts the bytes of words in this machine's order, in place.</summary>
    /// <param name="size">Bytes of a word: 1, 2, 4 or 8.</param>
    /// <param name="raw">The words.</param>
    public void Order(int size, Span<byte> raw)
    {
        if (isBigEndian != BitConverter.IsLittleEndian)
        {
            return;
        }

        switch (size)
        {
            case 2: Apply<short>(raw, BinaryPrimitives.ReverseEndianness); break;
            case 4: Apply<int>(raw, BinaryPrimitives.ReverseEndianness); break;
            case 8: Apply<long>(raw, BinaryPrimitives.ReverseEndianness); break;
        }

        static void Apply<T>(Span<byte> raw, Reverse<T> reverse)
            where T : struct
        {
            var words = MemoryMarshal.Cast<byte, T>(raw);
            reverse(words, words);
        }
    }

    private static long CountRounded<T>(ReadOnlySpan<T> source, ReadOnlySpan<float> target)
        where T : struct, INumber<T>
    {
        const float Exact = 1 << 24;
        var count = 0L;
        for (var n = 0; n < target.Length; n++)
        {
            count += MathF.Abs(target[n]) >= Exact && T.CreateSaturating(target[n]) != source[n] ? 1 : 0;
        }

        return count;
    }

    private void ConvertAs<T>(Span<byte> raw, Span<float> target, bool isWide = false)
        where T : struct, INumber<T>
    {
        var source = MemoryMarshal.Cast<byte, T>(raw);
        if ((slope, intercept) is (1, 0))
        {
            for (var n = 0; n < target.Length; n++)
            {
                target[n] = float.CreateTruncating(source[n]);
            }

            Rounded += isWide ? CountRounded<T>(source, target) : 0;
            return;
        }

        for (var n = 0; n < target.Length; n++)
        {
            target[n] = (float)(double.CreateTruncating(source[n]) * slope + intercept);
        }
    }
}
