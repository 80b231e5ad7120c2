using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>Distances between the boundaries of two masks, mm.</summary>
/// <remarks>
/// The boundary of a mask are its voxels with a face neighbour outside the mask; voxels at the border of the grid count as boundary. MedPy, MONAI and
/// Metrics Reloaded take the same (mask minus its erosion by 6 neighbours). Each boundary voxel weighs the same, whatever its area: DeepMind's surface-distance, which weighs
/// by area, gives other numbers. Distances run from voxel centre to voxel centre.
/// </remarks>
internal sealed class SurfaceDistances
{
    private readonly double[] fromReference; // ascending
    private readonly double[] fromPrediction; // ascending

    private SurfaceDistances(double[] fromReference, double[] fromPrediction)
    {
        Array.Sort(fromReference);
        Array.Sort(fromPrediction);
        (this.fromReference, this.fromPrediction) = (fromReference, fromPrediction);
    }

    /// <summary>One of the masks has no voxel, so there is no distance.</summary>
    public bool IsEmpty => fromReference.Length == 0 || fromPrediction.Length == 0;

    /// <summary>Hausdorff distance: the longest way from either boundary to the other; NaN where one mask is empty.</summary>
    public double Hausdorff => IsEmpty ? double.NaN : Math.Max(fromReference[^1], fromPrediction[^1]);

    /// <summary>
    /// The larger of the two directed 95th percentiles, linear between order statistics; NaN where one mask is empty. MONAI and Metrics Reloaded take the same;
    /// MedPy takes the percentile of both directions pooled.
    /// </summary>
    public double Hausdorff95 => IsEmpty
        ? double.NaN
        : Math.Max(OrderStatistics.Percentile(fromReference, 0.95), OrderStatistics.Percentile(fromPrediction, 0.95));

    /// <summary>Average symmetric surface distance: the mean over all boundary voxels of both masks; NaN where one mask is empty.</summary>
    public double AverageSymmetric => IsEmpty ? double.NaN : (fromReference.Sum() + fromPrediction.Sum()) / (fromReference.Length + fromPrediction.Length);

    /// <summary>Normalised surface Dice: the share of all boundary voxels that lie within <paramref name="tolerance"/> of the other boundary; NaN where both masks are empty.</summary>
    /// <remarks>Source: Nikolov et al. 2021, doi:10.2196/26151, with voxels for surface elements.</remarks>
    /// <param name="tolerance">mm.</param>
    public double NormalisedSurfaceDice(double tolerance) =>
        (double)(CountWithin(fromReference, tolerance) + CountWithin(fromPrediction, tolerance)) / (fromReference.Length + fromPrediction.Length);

    /// <summary>Measures two masks.</summary>
    /// <param name="reference">(D, H, W).</param>
    /// <param name="prediction">(D, H, W).</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="spacing">mm along W, H, D.</param>
    public static SurfaceDistances Compute(ReadOnlySpan<bool> reference, ReadOnlySpan<bool> prediction, Size3 size, Vector3D spacing)
    {
        var (referenceBoundary, predictionBoundary) = (Boundary(reference, size), Boundary(prediction, size));
        return new(Distances(referenceBoundary, predictionBoundary, size, spacing), Distances(predictionBoundary, referenceBoundary, size, spacing));
    }

    private static int CountWithin(double[] sorted, double tolerance)
    {
        var index = Array.BinarySearch(sorted, tolerance + DistanceTransform.SpacingRounding);
        if (index < 0)
        {
            return ~index;
        }

        while (index < sorted.Length && sorted[index] <= tolerance + DistanceTransform.SpacingRounding)
        {
            index++;
        }

        return index;
    }

    private static bool[] Boundary(ReadOnlySpan<bool> mask, Size3 size)
    {
        var boundary = new bool[mask.Length];
        var slice = size.Width * size.Height;
        for (var row = 0; row < size.Height * size.Depth; row++)
        {
            var (j, k, start) = (row % size.Height, row / size.Height, row * size.Width);
            var first = mask.Slice(start, size.Width).IndexOf(true);
            if (first < 0)
            {
                continue;
            }

            var isRim = j == 0 || j == size.Height - 1 || k == 0 || k == size.Depth - 1;
            for (var i = first; i < size.Width; i++)
            {
                var v = start + i;
                boundary[v] = mask[v] && (isRim || i == 0 || i == size.Width - 1 || !mask[v - 1] || !mask[v + 1]
                    || !mask[v - size.Width] || !mask[v + size.Width] || !mask[v - slice] || !mask[v + slice]);
            }
        }

        return boundary;
    }

    /// <summary>From every voxel of one boundary to the nearest of the other; nothing where the other is empty.</summary>
    private static double[] Distances(bool[] from, bool[] to, Size3 size, Vector3D spacing)
    {
        if (!from.AsSpan().Contains(true))
        {
            return [];
        }

        var squared = DistanceTransform.Squared(to, size, spacing);
        var distances = new List<double>();
        for (var v = 0; v < from.Length; v++)
        {
            if (from[v])
            {
                distances.Add(Math.Sqrt(squared[v]));
            }
        }

        return [.. distances];
    }
}
