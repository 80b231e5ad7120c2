namespace Credence.MedicalIO.Dicom;

/// <summary>Puts irregular or tilted slices on a regular grid.</summary>
internal static class StackStraightening
{
    private const double LargestGrowth = 10; // slices of a resampled stack for each acquired one

    /// <summary>
    /// Puts slices at their own places on a grid with axes along row, column and normal, and the smallest step. Linear between slices and, where
    /// tilt shifts them in plane, between pixels; outside the slices the lowest value.
    /// </summary>
    /// <param name="source">File or folder, for messages.</param>
    /// <param name="problems">Why the slices are not regular, for messages.</param>
    /// <param name="volume">The slices, one after the other.</param>
    /// <param name="slices">Their places, in the order of k.</param>
    /// <param name="step">mm between the slices of the result.</param>
    /// <exception cref="InvalidImageFileException">The result would be out of all proportion.</exception>
    public static Volume Straighten(string source, string problems, Volume volume, IReadOnlyList<DicomSlice> slices, double step)
    {
        var (first, columns, rows) = (slices[0].Plane, volume.Geometry.Size.Width, volume.Geometry.Size.Height);
        var normal = first.Normal;
        var offsets = slices.Select(s => s.Plane.Position - first.Position).ToList();
        var heights = offsets.ConvertAll(o => o.Dot(normal));
        var shiftI = offsets.ConvertAll(o => o.Dot(first.RowDirection) / first.ColumnSpacing);
        var shiftJ = offsets.ConvertAll(o => o.Dot(first.ColumnDirection) / first.RowSpacing);
        if (shiftI.Max() - shiftI.Min() > 3.0 * columns || shiftJ.Max() - shiftJ.Min() > 3.0 * rows)
        {
            throw new InvalidImageFileException(source, $"{problems}, and slices shifted by more than three times their width", "slices that overlap when seen along their normal",
                "Leave out the slices that lie apart.");
        }

        var (startI, startJ) = ((int)Math.Floor(shiftI.Min() + 1e-6), (int)Math.Floor(shiftJ.Min() + 1e-6));
        if (heights[^1] / step > LargestGrowth * slices.Count)
        {
            throw new InvalidImageFileException(source, FormattableString.Invariant($"{problems}, which take {heights[^1] / step:F0} slices at the smallest step"), $"at most {LargestGrowth} slices for each acquired one",
                "Leave out the slices that lie apart.");
        }

        var size = new Size3(
            columns + (int)Math.Ceiling(shiftI.Max() - 1e-6) - startI, rows + (int)Math.Ceiling(shiftJ.Max() - 1e-6) - startJ, (int)Math.Floor(heights[^1] / step + 1e-6) + 1);
        if (size.Count > Array.MaxLength)
        {
            throw new InvalidImageFileException(source, $"{problems}, which take {size} voxels at the smallest step", "at most 2 billion voxels",
                "Leave out the slices that lie apart.");
        }

        var lowest = volume.Voxels.Min();
        var voxels = new float[size.Count];
        Parallel.For(0, size.Depth, k =>
        {
            var height = k * step;
            var above = heights.FindIndex(h => h >= height - 1e-9);
            above = above < 0 ? heights.Count - 1 : above;
            var below = Math.Max(0, above - 1);
            var share = above == below ? 0 : Math.Clamp((height - heights[below]) / (heights[above] - heights[below]), 0, 1);
            for (var j = 0; j < size.Height; j++)
            {
                for (var i = 0; i < size.Width; i++)
                {
                    float At(int slice) => Bilinear(volume, slice, i + startI - shiftI[slice], j + startJ - shiftJ[slice], lowest);
                    voxels[i + size.Width * (j + size.Height * (long)k)] = share <= 0 ? At(below) : share >= 1 ? At(above) : (float)((1 - share) * At(below) + share * At(above));
                }
            }
        });

        var origin = first.Position + startI * first.ColumnSpacing * first.RowDirection + startJ * first.RowSpacing * first.ColumnDirection;
        return new(new(size, new(DicomPlane.ToRas(first.ColumnSpacing * first.RowDirection), DicomPlane.ToRas(first.RowSpacing * first.ColumnDirection),
            DicomPlane.ToRas(step * normal), DicomPlane.ToRas(origin))), voxels);
    }

    private static float Bilinear(Volume volume, int slice, double i, double j, float outside)
    {
        var (width, height) = (volume.Geometry.Size.Width, volume.Geometry.Size.Height);
        if (i < -1e-6 || j < -1e-6 || i > width - 1 + 1e-6 || j > height - 1 + 1e-6)
        {
            return outside;
        }

        var (i0, j0) = (Math.Clamp((int)Math.Floor(i + 1e-6), 0, width - 1), Math.Clamp((int)Math.Floor(j + 1e-6), 0, height - 1));
        var (i1, j1) = (Math.Min(i0 + 1, width - 1), Math.Min(j0 + 1, height - 1));
        var (u, v) = (Math.Max(0, i - i0), Math.Max(0, j - j0));
        var near = (1 - u) * volume[i0, j0, slice] + u * volume[i1, j0, slice];
        var far = (1 - u) * volume[i0, j1, slice] + u * volume[i1, j1, slice];
        return (float)((1 - v) * near + v * far);
    }
}
