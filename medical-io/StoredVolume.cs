using System.Numerics;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO;

/// <summary>3-D voxels of 16 bits as a scanner stored them: half the memory of a <see cref="Volume"/>, and nothing is rounded.</summary>
/// <param name="Geometry">Size and affine.</param>
/// <param name="Words">(D, H, W): W, the i axis, runs fastest. The bits of unsigned values above 32767 are those of negative ones.</param>
/// <param name="IsSigned">Whether negative words are negative values.</param>
/// <param name="Slope">A measured value is Slope x stored + Intercept.</param>
/// <param name="Intercept">See <paramref name="Slope"/>.</param>
public sealed record StoredVolume(VolumeGeometry Geometry, short[] Words, bool IsSigned, double Slope, double Intercept)
{
    private const double ExactInSingle = 1 << 24;

    /// <summary>Turns stored into measured values.</summary>
    /// <param name="words">Stored.</param>
    /// <param name="isSigned">Whether negative words are negative values.</param>
    /// <param name="slope">Of the line.</param>
    /// <param name="intercept">Of the line.</param>
    /// <param name="target">One value a word.</param>
    internal static void Measure(ReadOnlySpan<short> words, bool isSigned, double slope, double intercept, Span<float> target)
    {
        if (Math.Abs(slope) * 65536 + Math.Abs(intercept) > ExactInSingle || slope != Math.Truncate(slope) || intercept != Math.Truncate(intercept))
        {
            for (var n = 0; n < words.Length; n++)
            {
                target[n] = (float)((isSigned ? words[n] : (ushort)words[n]) * slope + intercept);
            }

            return;
        }

        // Whole numbers of at most 24 bits: single precision rounds nothing.
        var (factor, offset) = (new Vector<float>((float)slope), new Vector<float>((float)intercept));
        var vectors = MemoryMarshal.Cast<short, Vector<short>>(words);
        var targets = MemoryMarshal.Cast<float, Vector<float>>(target);
        for (var n = 0; n < vectors.Length; n++)
        {
            Vector<int> low, high;
            if (isSigned)
            {
                Vector.Widen(vectors[n], out low, out high);
            }
            else
            {
                Vector.Widen(Vector.AsVectorUInt16(vectors[n]), out var unsignedLow, out var unsignedHigh);
                (low, high) = (Vector.AsVectorInt32(unsignedLow), Vector.AsVectorInt32(unsignedHigh));
            }

            targets[2 * n] = Vector.ConvertToSingle(low) * factor + offset;
            targets[2 * n + 1] = Vector.ConvertToSingle(high) * factor + offset;
        }

        for (var n = vectors.Length * Vector<short>.Count; n < words.Length; n++)
        {
            target[n] = (isSigned ? words[n] : (ushort)words[n]) * (float)slope + (float)intercept;
        }
    }
}
