using System.Diagnostics.CodeAnalysis;

namespace Credence.MedicalIO.Dicom;

/// <summary>Slices of one kind, size and orientation: one volume, or one at each of several time points.</summary>
/// <remarks>Index i runs along a row, j along a column, k from slice to slice along the normal.</remarks>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "Stack is the standard's term (PS3.3, section C.7.6.16.2.2).")]
public sealed class DicomStack
{
    private const double SamePosition = 0.01; // mm
    private const double StepTolerance = 0.01; // share of the step
    private const long SmallVolume = 1 << 24, VoxelsPerByte = 4096;
    private const double LargestGrowth = 10; // slices of a resampled stack for each acquired one

    private readonly string source;
    private readonly IReadOnlyList<IReadOnlyList<DicomSlice>> timePoints; // each sorted along the normal
    private readonly DicomPlane first;
    private readonly bool isComputedTomography;
    private readonly double[] distances; // from slice to slice along the normal, mm

    private DicomStack(string source, List<DicomSlice> slices, bool isComputedTomography)
    {
        (this.source, this.isComputedTomography) = (source, isComputedTomography);
        var normal = slices[0].Plane.Normal;
        var sorted = slices.OrderBy(s => s.Plane.Position.Dot(normal)).ToList();
        var positions = new List<List<DicomSlice>>();
        foreach (var slice in sorted)
        {
            if (positions.Count == 0 || (slice.Plane.Position - positions[^1][0].Plane.Position).Dot(normal) >= SamePosition)
            {
                positions.Add([]);
            }

            positions[^1].Add(slice);
        }

        var problems = new List<string>();
        var repeats = positions.Max(p => p.Count);
        if (positions.TrueForAll(p => p.Count == repeats))
        {
            var ordered = positions.ConvertAll(p => p.OrderBy(s => s.Order).ThenBy(s => s.Path, StringComparer.Ordinal).ToList());
            timePoints = [.. Enumerable.Range(0, repeats).Select(t => ordered.ConvertAll(p => p[t]))];
        }
        else
        {
            var position = positions.First(p => p.Count > 1);
            problems.Add(FormattableString.Invariant($"{Name(position[0])} and {Name(position[1])} at the same position ({Math.Abs((position[1].Plane.Position - position[0].Plane.Position).Dot(normal)):F3} mm apart)"));
            timePoints = [positions.ConvertAll(p => p.MinBy(s => s.Order)!)];
        }

        var one = timePoints[0];
        first = one[0].Plane;
        Rows = one[0].Rows;
        Columns = one[0].Columns;
        Kind = one[0].Kind;
        distances = [.. one.Skip(1).Zip(one, (next, slice) => (next.Plane.Position - slice.Plane.Position).Dot(normal))];
        Step = distances.Length == 0 ? (first.Thickness is > 0 and var thickness ? thickness : 1) * normal : 1.0 / distances.Length * (one[^1].Plane.Position - first.Position);
        CheckSteps(one, normal, problems);
        Problems = problems;
        Geometry = new(new(Columns, Rows, one.Count), new(
            DicomPlane.ToRas(first.ColumnSpacing * first.RowDirection), DicomPlane.ToRas(first.RowSpacing * first.ColumnDirection),
            DicomPlane.ToRas(Step), DicomPlane.ToRas(first.Position)));
    }

    /// <summary>Image type and echo time, as far as the files say.</summary>
    public string Kind { get; }

    /// <summary>Pixels along a column.</summary>
    public int Rows { get; }

    /// <summary>Pixels along a row.</summary>
    public int Columns { get; }

    /// <summary>Volumes, one after the other in time.</summary>
    public int TimePoints => timePoints.Count;

    /// <summary>The grid of the slices; of an irregular stack the mean step.</summary>
    public VolumeGeometry Geometry { get; }

    /// <summary>What keeps the slices from being one regular stack, with figures; empty for a sound one. Such a stack is read only with resampling.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>From slice to slice, LPS mm.</summary>
    private Vector3D Step { get; }

    /// <summary>The files and frames, in the order of k, of the first time point.</summary>
    internal IReadOnlyList<DicomSlice> Slices => timePoints[0];

    /// <summary>Sorts slices into stacks.</summary>
    /// <param name="source">File or folder, for messages.</param>
    /// <param name="slices">Of one series.</param>
    /// <param name="isComputedTomography">Padding of CT is replaced by the lowest value.</param>
    internal static IReadOnlyList<DicomStack> Group(string source, IEnumerable<DicomSlice> slices, bool isComputedTomography)
    {
        // Directions and distances in steps that hold their rounding in the file, so that equal ones compare equal.
        static long Round(double value, double step) => (long)Math.Round(value / step);
        static (long, long, long) Direction(Vector3D v) => (Round(v.X, 2e-3), Round(v.Y, 2e-3), Round(v.Z, 2e-3));
        return [.. slices
            .GroupBy(s => (s.Rows, s.Columns, s.Kind, Direction(s.Plane.RowDirection), Direction(s.Plane.ColumnDirection), Round(s.Plane.RowSpacing, 1e-2), Round(s.Plane.ColumnSpacing, 1e-2)))
            .Select(g => new DicomStack(source, [.. g], isComputedTomography))];
    }

    /// <summary>Reads one volume.</summary>
    /// <param name="timePoint">Which, from 0.</param>
    /// <param name="resample">Whether a stack with problems is put on a regular grid, by linear interpolation between slices, instead of refused.</param>
    /// <exception cref="InvalidImageFileException">The slices are not one regular stack, or a file is damaged; the message gives the figures.</exception>
    /// <exception cref="UnsupportedImageException">The pixels are of a kind that is not read.</exception>
    public Volume Read(int timePoint = 0, bool resample = false)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(timePoint);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(timePoint, TimePoints);
        if (Problems.Count > 0 && !resample)
        {
            throw new InvalidImageFileException(source, string.Join("; ", Problems), "one slice at each position, in equal steps along the normal",
                "Complete the series, split repeated acquisitions into folders of their own, or resample it: `credence-infer convert --resample`.");
        }

        var slices = timePoints[timePoint];
        CheckPlausible(slices);
        var pixels = Rows * Columns;
        var voxels = new float[Geometry.Size.Count];
        try
        {
            Parallel.ForEach(slices.Select((slice, k) => (slice, k)).GroupBy(s => s.slice.Path), file =>
            {
                var image = DicomImage.Read(file.Key);
                foreach (var (slice, k) in file)
                {
                    image.CopyPixels(slice, voxels.AsSpan(k * pixels, pixels));
                }

                if (isComputedTomography)
                {
                    ReplacePadding(image.Dataset, file, voxels, pixels);
                }
            });
        }
        catch (AggregateException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        var volume = new Volume(Geometry, voxels);
        return Problems.Count > 0 ? Straighten(volume, slices) : volume;
    }

    /// <summary>A lying header must not cost memory: files have to be as large as their images, compressed beyond all use, would be.</summary>
    private void CheckPlausible(IReadOnlyList<DicomSlice> slices)
    {
        var bytes = slices.Select(s => s.Path).Distinct().Sum(p => new FileInfo(p).Length);
        if (Geometry.Size.Count > Math.Min(Array.MaxLength, SmallVolume + VoxelsPerByte * bytes))
        {
            throw new InvalidImageFileException(source, $"{Geometry.Size} voxels in {bytes} bytes of files", "files that hold their pixels, of at most 2 billion voxels", "The files are damaged; copy them again.");
        }
    }

    /// <summary>Pixels outside the field of view of a CT become the lowest value inside it (PS3.3, section C.7.5.1.1.2), so that padding does not enter statistics.</summary>
    private static void ReplacePadding(DicomDataset dataset, IEnumerable<(DicomSlice Slice, int K)> slices, float[] voxels, int pixels)
    {
        if (dataset.Element(DicomTag.PixelPaddingValue) is null)
        {
            return;
        }

        int Stored(DicomTag tag) => dataset.Integer(DicomTag.PixelRepresentation) == 1 ? (short)(dataset.Integer(tag) ?? 0) : dataset.Integer(tag) ?? 0;
        var padding = Stored(DicomTag.PixelPaddingValue);
        var limit = dataset.Has(DicomTag.PixelPaddingRangeLimit) ? Stored(DicomTag.PixelPaddingRangeLimit) : padding;
        foreach (var (slice, k) in slices)
        {
            var (one, other) = (slice.Lut.Apply(padding), slice.Lut.Apply(limit));
            var (low, high) = (Math.Min(one, other), Math.Max(one, other)); // a falling line turns the range over
            var lowest = float.PositiveInfinity;
            var target = voxels.AsSpan(k * pixels, pixels);
            foreach (var value in target)
            {
                lowest = value >= low && value <= high ? lowest : Math.Min(lowest, value);
            }

            for (var n = 0; n < target.Length && float.IsFinite(lowest); n++)
            {
                target[n] = target[n] >= low && target[n] <= high ? lowest : target[n];
            }
        }
    }

    private static string Name(DicomSlice slice) => Path.GetFileName(slice.Path) + (slice.Frame > 0 ? $" frame {slice.Frame + 1}" : "");

    private void CheckSteps(IReadOnlyList<DicomSlice> slices, Vector3D normal, List<string> problems)
    {
        if (distances.Length == 0)
        {
            var apart = timePoints.Max(t => (t[0].Plane.Position - first.Position).Length);
            if (apart > SamePosition)
            {
                problems.Add(FormattableString.Invariant($"slices at one height, {apart:F2} mm apart in their plane"));
            }

            return;
        }

        var median = distances.Order().ElementAt(distances.Length / 2);
        var tolerance = Math.Max(SamePosition, StepTolerance * median);
        var odd = Array.FindIndex(distances, d => Math.Abs(d - median) > tolerance);
        if (odd >= 0)
        {
            problems.Add(FormattableString.Invariant(
                $"steps from {distances.Min():F2} to {distances.Max():F2} mm where {median:F2} is usual, for example {distances[odd]:F2} mm after {Name(slices[odd])}: a slice is missing, or the step varies"));
        }

        // Heights alone do not place a slice: one that is shifted in its plane, at any time point, must not be taken for its neighbour.
        var shifted = odd >= 0 ? default : timePoints.SelectMany(t => t.Select((slice, k) => (Slice: slice, Distance: (slice.Plane.Position - first.Position - k * Step).Length))).MaxBy(s => s.Distance);
        if (shifted.Distance > tolerance)
        {
            problems.Add(FormattableString.Invariant($"{Name(shifted.Slice)} lies {shifted.Distance:F2} mm beside the line of the others"));
        }

        var sheared = Step - Step.Dot(normal) * normal;
        if (sheared.Length > tolerance)
        {
            problems.Add(FormattableString.Invariant($"a gantry tilt of {Math.Atan2(sheared.Length, Step.Dot(normal)) * 180 / Math.PI:F1} degrees"));
        }
    }

    /// <summary>
    /// Puts slices at their own places on a grid with axes along row, column and normal, and the smallest step. Linear between slices and, where
    /// tilt shifts them in plane, between pixels; outside the slices the lowest value.
    /// </summary>
    private Volume Straighten(Volume volume, IReadOnlyList<DicomSlice> slices)
    {
        var normal = first.Normal;
        var offsets = slices.Select(s => s.Plane.Position - first.Position).ToList();
        var heights = offsets.ConvertAll(o => o.Dot(normal));
        var shiftI = offsets.ConvertAll(o => o.Dot(first.RowDirection) / first.ColumnSpacing);
        var shiftJ = offsets.ConvertAll(o => o.Dot(first.ColumnDirection) / first.RowSpacing);
        if (shiftI.Max() - shiftI.Min() > 3.0 * Columns || shiftJ.Max() - shiftJ.Min() > 3.0 * Rows)
        {
            throw new InvalidImageFileException(source, $"{string.Join("; ", Problems)}, and slices shifted by more than three times their width", "slices that overlap when seen along their normal",
                "Leave out the slices that lie apart.");
        }

        var (startI, startJ) = ((int)Math.Floor(shiftI.Min() + 1e-6), (int)Math.Floor(shiftJ.Min() + 1e-6));
        var step = distances.Where(d => d >= SamePosition).DefaultIfEmpty(1).Min();
        if (heights[^1] / step > LargestGrowth * slices.Count)
        {
            throw new InvalidImageFileException(source, FormattableString.Invariant($"{string.Join("; ", Problems)}, which take {heights[^1] / step:F0} slices at the smallest step"), $"at most {LargestGrowth} slices for each acquired one",
                "Leave out the slices that lie apart.");
        }

        var size = new Size3(
            Columns + (int)Math.Ceiling(shiftI.Max() - 1e-6) - startI, Rows + (int)Math.Ceiling(shiftJ.Max() - 1e-6) - startJ, (int)Math.Floor(heights[^1] / step + 1e-6) + 1);
        if (size.Count > Array.MaxLength)
        {
            throw new InvalidImageFileException(source, $"{string.Join("; ", Problems)}, which take {size} voxels at the smallest step", "at most 2 billion voxels",
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
