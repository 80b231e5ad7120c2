using Credence.MedicalIO;

namespace Credence.Inference.Windows;

/// <summary>Where the patches of a sliding window lie: evenly spread, the first and last flush with the border.</summary>
/// <remarks>Source: Isensee et al. 2021 (nnU-Net), sliding window with fixed overlap. An axis shorter than the patch gets one patch that begins at 0 and
/// reaches beyond the end; what lies beyond is 0, the mean after normalisation, as in training.</remarks>
internal static class PatchGrid
{
    /// <summary>First voxels (i, j, k) of all patches.</summary>
    /// <param name="volume">Size of the volume.</param>
    /// <param name="patch">Size of the patch.</param>
    /// <param name="overlap">Smallest share of an edge by which neighbours overlap, in [0, 1).</param>
    public static IReadOnlyList<(int I, int J, int K)> Positions(Size3 volume, Size3 patch, double overlap)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(overlap);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(overlap, 1);
        var (x, y, z) = (Axis(volume.Width, patch.Width, overlap), Axis(volume.Height, patch.Height, overlap), Axis(volume.Depth, patch.Depth, overlap));
        return [.. from k in z from j in y from i in x select (i, j, k)];
    }

    private static int[] Axis(int edge, int patch, double overlap)
    {
        if (edge <= patch)
        {
            return [0];
        }

        var last = edge - patch;
        var steps = (int)Math.Ceiling(last / Math.Max(1, patch * (1 - overlap)));
        return [.. Enumerable.Range(0, steps + 1).Select(n => (int)Math.Round((double)n * last / steps))];
    }
}
