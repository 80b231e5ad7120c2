namespace Credence.Inference.Metrics;

/// <summary>Voxels near the lesions of reference or prediction.</summary>
/// <remarks>Over a whole head nearly every voxel is right and certain, so calibration there says little at a lesion load of 0.1 %; near the lesions it is put to the test.</remarks>
internal static class Neighbourhood
{
    /// <summary>Offsets into the grid of the voxels with a centre at most <paramref name="radius"/> mm from a voxel of either mask, rising.</summary>
    public static int[] Offsets(ClassMasks masks, double radius)
    {
        if (masks.Box.Size.Count == 0)
        {
            return [];
        }

        var (grid, spacing, inner) = (masks.Geometry.Size, masks.Geometry.Spacing, masks.Box);
        var box = inner.Grow(radius + DistanceTransform.SpacingRounding, spacing, grid);
        var either = new bool[box.Size.Count];
        for (var n = 0; n < masks.Reference.Length; n++)
        {
            if (masks.Reference[n] || masks.Prediction[n])
            {
                var (i, row) = (n % inner.Size.Width, n / inner.Size.Width);
                var (j, k) = (row % inner.Size.Height, row / inner.Size.Height);
                either[i + inner.I - box.I + box.Size.Width * (j + inner.J - box.J + box.Size.Height * (k + inner.K - box.K))] = true;
            }
        }

        var limit = (radius + DistanceTransform.SpacingRounding) * (radius + DistanceTransform.SpacingRounding);
        var squared = DistanceTransform.Squared(either, box.Size, spacing);
        var offsets = new List<int>();
        for (var row = 0; row < box.Size.Height * box.Size.Depth; row++)
        {
            var start = box.RowOffset(row % box.Size.Height, row / box.Size.Height, grid);
            for (var i = 0; i < box.Size.Width; i++)
            {
                if (squared[row * box.Size.Width + i] <= limit)
                {
                    offsets.Add(start + i);
                }
            }
        }

        return [.. offsets];
    }
}
