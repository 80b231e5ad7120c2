using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>One class of reference and prediction: the counts over the whole grid, and both masks cut to the box that holds every voxel of either.</summary>
/// <remarks>Outside the box both are background, so nothing that is measured on the masks changes by the cut.</remarks>
internal sealed class ClassMasks
{
    private ClassMasks(VolumeGeometry geometry, OverlapCounts counts, OverlapCounts? region, VoxelBox box, bool[] reference, bool[] prediction)
    {
        (Geometry, Counts, RegionCounts, Box, Reference, Prediction) = (geometry, counts, region, box, reference, prediction);
    }

    /// <summary>The grid of the case.</summary>
    public VolumeGeometry Geometry { get; }

    /// <summary>Over the whole grid.</summary>
    public OverlapCounts Counts { get; }

    /// <summary>Inside the region, where one was given.</summary>
    public OverlapCounts? RegionCounts { get; }

    /// <summary>Where the masks lie.</summary>
    public VoxelBox Box { get; }

    /// <summary>(D, H, W) of the box.</summary>
    public bool[] Reference { get; }

    /// <summary>(D, H, W) of the box.</summary>
    public bool[] Prediction { get; }

    /// <summary>Counts and cuts in one pass over the labels.</summary>
    /// <param name="reference">The reference.</param>
    /// <param name="prediction">The prediction, on the same grid.</param>
    /// <param name="label">The class.</param>
    /// <param name="region">Voxels other than 0 make up the region; null for none.</param>
    public static ClassMasks Create(LabelMap reference, LabelMap prediction, byte label, LabelMap? region = null)
    {
        var grid = reference.Geometry.Size;
        var (box, counts, inRegion) = Scan(reference.Labels, prediction.Labels, label, region?.Labels, grid);
        return new(
            reference.Geometry, counts, region is null ? null : inRegion, box, Cut(reference.Labels, label, box, grid), Cut(prediction.Labels, label, box, grid));
    }

    /// <summary>Counts only.</summary>
    public static OverlapCounts Count(LabelMap reference, LabelMap prediction, byte label) =>
        Scan(reference.Labels, prediction.Labels, label, null, reference.Geometry.Size).Counts;

    private static (VoxelBox Box, OverlapCounts Counts, OverlapCounts Region) Scan(
        byte[] reference, byte[] prediction, byte label, byte[]? region, Size3 grid)
    {
        var (both, predicted, referenced, bothIn, predictedIn, referencedIn) = (0L, 0L, 0L, 0L, 0L, 0L);
        var (low, high) = ((I: int.MaxValue, J: int.MaxValue, K: int.MaxValue), (I: -1, J: -1, K: -1));
        for (var row = 0; row < grid.Height * grid.Depth; row++)
        {
            var start = row * grid.Width;
            ReadOnlySpan<byte> a = reference.AsSpan(start, grid.Width), b = prediction.AsSpan(start, grid.Width);
            var last = Math.Max(a.LastIndexOf(label), b.LastIndexOf(label));
            if (last < 0)
            {
                continue; // most rows of most cases
            }

            var first = last;
            for (var i = last; i >= 0; i--)
            {
                var (inA, inB) = (a[i] == label, b[i] == label);
                if (!inA && !inB)
                {
                    continue;
                }

                first = i;
                both += inA && inB ? 1 : 0;
                predicted += inB ? 1 : 0;
                referenced += inA ? 1 : 0;
                if (region is not null && region[start + i] != 0)
                {
                    bothIn += inA && inB ? 1 : 0;
                    predictedIn += inB ? 1 : 0;
                    referencedIn += inA ? 1 : 0;
                }
            }

            var (j, k) = (row % grid.Height, row / grid.Height);
            low = (Math.Min(low.I, first), Math.Min(low.J, j), Math.Min(low.K, k));
            high = (Math.Max(high.I, last), Math.Max(high.J, j), Math.Max(high.K, k));
        }

        var box = high.I < 0 ? default : new VoxelBox(low.I, low.J, low.K, new(high.I - low.I + 1, high.J - low.J + 1, high.K - low.K + 1));
        var regionVoxels = region is null ? 0 : region.Length - region.AsSpan().Count((byte)0);
        return (box, new(both, predicted - both, referenced - both, reference.Length), new(bothIn, predictedIn - bothIn, referencedIn - bothIn, regionVoxels));
    }

    private static bool[] Cut(byte[] labels, byte label, VoxelBox box, Size3 grid)
    {
        var mask = new bool[box.Size.Count];
        for (var row = 0; row < box.Size.Height * box.Size.Depth; row++)
        {
            var source = labels.AsSpan(box.RowOffset(row % box.Size.Height, row / box.Size.Height, grid), box.Size.Width);
            var target = mask.AsSpan(row * box.Size.Width, box.Size.Width);
            for (var i = 0; i < target.Length; i++)
            {
                target[i] = source[i] == label;
            }
        }

        return mask;
    }
}
