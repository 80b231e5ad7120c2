using System.Numerics;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Nifti;

/// <summary>How voxels become stored values: stored value x scl_slope + scl_inter is the voxel.</summary>
internal static class NiftiScaling
{
    /// <summary>Writes stored values, little-endian as the header.</summary>
    public static void Store<T>(ReadOnlySpan<float> source, Span<byte> target, double slope, double intercept)
        where T : struct, INumber<T>
    {
        var stored = MemoryMarshal.Cast<byte, T>(target);
        if ((slope, intercept) is (1, 0))
        {
            for (var n = 0; n < stored.Length; n++)
            {
                stored[n] = T.CreateTruncating(source[n]); // whole and in range, or floating point
            }

            return;
        }

        for (var n = 0; n < stored.Length; n++)
        {
            stored[n] = T.CreateSaturating(Math.Round((source[n] - intercept) / slope));
        }
    }

    /// <summary>Smallest and largest voxel (NaN where any voxel is), and whether all are whole numbers.</summary>
    public static (float Lowest, float Highest, bool IsWhole) Extent(ReadOnlySpan<float> voxels)
    {
        var (low, high, fraction) = (new Vector<float>(float.PositiveInfinity), new Vector<float>(float.NegativeInfinity), Vector<float>.Zero);
        var vectors = MemoryMarshal.Cast<float, Vector<float>>(voxels);
        foreach (var v in vectors)
        {
            (low, high) = (Vector.Min(low, v), Vector.Max(high, v));
            fraction += Vector.Abs(v - Vector.Truncate(v)); // NaN for NaN and infinities, and stays it
        }

        var (lowest, highest, sum) = (float.PositiveInfinity, float.NegativeInfinity, Vector.Sum(fraction));
        for (var lane = 0; lane < Vector<float>.Count; lane++)
        {
            (lowest, highest) = (MathF.Min(lowest, low[lane]), MathF.Max(highest, high[lane]));
        }

        foreach (var v in voxels[(vectors.Length * Vector<float>.Count)..])
        {
            (lowest, highest) = (MathF.Min(lowest, v), MathF.Max(highest, v));
            sum += MathF.Abs(v - MathF.Truncate(v));
        }

        return float.IsNaN(sum) ? (float.NaN, float.NaN, false) : (lowest, highest, sum == 0);
    }

    /// <summary>The line that maps voxels to an integer type: none where they are whole and fit, else from their extent to the type's.</summary>
    /// <exception cref="ArgumentException">A voxel that is not finite.</exception>
    public static (double Slope, double Intercept) For(float[] voxels, double minimum, double maximum)
    {
        var (lowest, highest, isWhole) = Extent(voxels);
        if (!float.IsFinite(lowest) || !float.IsFinite(highest))
        {
            throw new ArgumentException("A voxel that is not finite cannot be written as an integer; write float32.", nameof(voxels));
        }

        var (low, high) = ((double)lowest, (double)highest);
        if (isWhole && low >= minimum && high <= maximum)
        {
            return (1, 0);
        }

        var slope = high > low ? (high - low) / (maximum - minimum) : 1;
        slope = (float)slope; // as the header stores it
        return (slope, (float)(low - minimum * slope));
    }
}
