namespace Credence.MedicalIO;

/// <summary>Finds what a scan shows apart from the air or the emptiness around it.</summary>
public static class Foreground
{
    private const int Bins = 256;
    private const double BrightShare = 99.5; // percentile above which a value does not widen the histogram: a spike must not put all tissue into one bin

    /// <summary>1 in the region, 0 outside.</summary>
    public static LabelMap Of(Volume volume, Region region) => region switch
    {
        Region.Whole => new(volume.Geometry, [.. Enumerable.Repeat((byte)1, volume.Voxels.Length)]),
        Region.NonZero => new(volume.Geometry, Array.ConvertAll(volume.Voxels, v => (byte)(v != 0 ? 1 : 0))),
        _ => Body(volume),
    };

    /// <summary>1 in the body, 0 in the air: voxels above Otsu's threshold, of which the largest connected part (by faces).</summary>
    /// <remarks>Source: Otsu 1979, doi:10.1109/TSMC.1979.4310076, on 256 bins from the smallest value to the 99.5th percentile.</remarks>
    public static LabelMap Body(Volume volume)
    {
        var threshold = OtsuThreshold(volume.Voxels);
        return new(volume.Geometry, LargestPart(Array.ConvertAll(volume.Voxels, v => v > threshold), volume.Geometry.Size));
    }

    /// <summary>The smallest box that holds a mask; the whole grid where the mask is empty.</summary>
    public static VoxelBox Box(LabelMap mask)
    {
        var size = mask.Geometry.Size;
        var (low, high) = ((I: int.MaxValue, J: int.MaxValue, K: int.MaxValue), (I: -1, J: -1, K: -1));
        for (var k = 0; k < size.Depth; k++)
        {
            for (var j = 0; j < size.Height; j++)
            {
                var row = mask.Labels.AsSpan(size.Width * (j + size.Height * k), size.Width);
                if (row.IndexOfAnyExcept((byte)0) is >= 0 and var first)
                {
                    low = (Math.Min(low.I, first), Math.Min(low.J, j), Math.Min(low.K, k));
                    high = (Math.Max(high.I, row.LastIndexOfAnyExcept((byte)0)), Math.Max(high.J, j), k);
                }
            }
        }

        return high.K < 0 ? VoxelBox.Whole(size) : new(low.I, low.J, low.K, new(high.I - low.I + 1, high.J - low.J + 1, high.K - low.K + 1));
    }

    private static double OtsuThreshold(float[] voxels)
    {
        var (low, high) = (Percentile.Of(voxels, null, 0), Percentile.Of(voxels, null, BrightShare));
        if (high <= low)
        {
            return low;
        }

        var counts = new long[Bins];
        foreach (var v in voxels)
        {
            counts[Math.Clamp((int)((v - low) / (high - low) * Bins), 0, Bins - 1)]++;
        }

        // Between-class variance w0 w1 (m0 - m1)^2; class means in bins.
        var total = counts.Select((n, bin) => (double)n * bin).Sum();
        var (best, threshold, below, sum) = (-1.0, 0, 0L, 0.0);
        for (var bin = 0; bin < Bins - 1; bin++)
        {
            below += counts[bin];
            sum += (double)counts[bin] * bin;
            var above = voxels.Length - below;
            if (below == 0 || above == 0)
            {
                continue;
            }

            var difference = sum / below - (total - sum) / above;
            var variance = (double)below * above * difference * difference;
            if (variance > best)
            {
                (best, threshold) = (variance, bin);
            }
        }

        return low + (threshold + 1) * (high - low) / Bins;
    }

    private static byte[] LargestPart(bool[] isInside, Size3 size)
    {
        var part = new int[isInside.Length];
        var (parts, largest, largestCount) = (0, 0, 0);
        var stack = new Stack<int>();
        for (var seed = 0; seed < isInside.Length; seed++)
        {
            if (!isInside[seed] || part[seed] != 0)
            {
                continue;
            }

            parts++;
            var count = 0;
            part[seed] = parts;
            stack.Push(seed);
            while (stack.TryPop(out var at))
            {
                count++;
                var (i, j, k) = (at % size.Width, at / size.Width % size.Height, at / size.Width / size.Height);
                Visit(i > 0, at - 1);
                Visit(i < size.Width - 1, at + 1);
                Visit(j > 0, at - size.Width);
                Visit(j < size.Height - 1, at + size.Width);
                Visit(k > 0, at - size.Width * size.Height);
                Visit(k < size.Depth - 1, at + size.Width * size.Height);
            }

            (largest, largestCount) = count > largestCount ? (parts, count) : (largest, largestCount);
        }

        return Array.ConvertAll(part, p => (byte)(p != 0 && p == largest ? 1 : 0));

        void Visit(bool isThere, int at)
        {
            if (isThere && isInside[at] && part[at] == 0)
            {
                part[at] = parts;
                stack.Push(at);
            }
        }
    }
}
