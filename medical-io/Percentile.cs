namespace Credence.MedicalIO;

/// <summary>Exact percentiles of voxels in two passes over them, without sorting.</summary>
public static class Percentile
{
    private const int Half = 16; // bits of a value that one pass counts

    /// <summary>The value below which a share of the voxels lies, linear between the two nearest ones in order, as numpy's default.</summary>
    /// <param name="voxels">Finite.</param>
    /// <param name="mask">Voxels that are 0 here are passed over; null takes all.</param>
    /// <param name="percent">0 to 100.</param>
    /// <returns>0 where no voxel is taken.</returns>
    public static double Of(float[] voxels, LabelMap? mask, double percent)
    {
        var upper = new int[1 << Half];
        var count = 0;
        for (var v = 0; v < voxels.Length; v++)
        {
            if (mask is null || mask.Labels[v] != 0)
            {
                upper[Key(voxels[v]) >> Half]++;
                count++;
            }
        }

        if (count == 0)
        {
            return 0;
        }

        var place = percent / 100 * (count - 1);
        var first = (int)Math.Floor(place);
        var low = AtRank(voxels, mask, upper, first);
        return place > first ? low + (place - first) * (AtRank(voxels, mask, upper, first + 1) - low) : low;
    }

    /// <summary>The value with this many smaller ones before it in order.</summary>
    private static double AtRank(float[] voxels, LabelMap? mask, int[] upper, int rank)
    {
        var bucket = Find(upper, ref rank);
        var lower = new int[1 << Half];
        for (var v = 0; v < voxels.Length; v++)
        {
            if ((mask is null || mask.Labels[v] != 0) && Key(voxels[v]) is var key && key >> Half == bucket)
            {
                lower[key & ((1 << Half) - 1)]++;
            }
        }

        var bits = bucket << Half | Find(lower, ref rank);
        return BitConverter.UInt32BitsToSingle(bits >> 31 == 0 ? ~bits : bits & int.MaxValue);
    }

    private static uint Find(int[] counts, ref int rank)
    {
        var bucket = 0u;
        while (rank >= counts[bucket])
        {
            rank -= counts[bucket++];
        }

        return bucket;
    }

    /// <summary>The bits of a number, changed so that they are in the order of the numbers.</summary>
    private static uint Key(float value) => BitConverter.SingleToUInt32Bits(value) is var bits && bits >> 31 == 0 ? bits | 1u << 31 : ~bits;
}
