using System.Diagnostics.CodeAnalysis;

namespace Credence.MedicalIO.Dicom;

/// <summary>Slices of one kind, size and orientation: one volume, or one at each of several time points.</summary>
/// <remarks>Index i runs along a row, j along a column, k from slice to slice along the normal.</remarks>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "Stack is the standard's term (PS3.3, section C.7.6.16.2.2).")]
public sealed class DicomStack
{
    private const double SamePosition = 0.01; // mm
    private const double StepTolerance = 0.01; // share of the step
    private const double SameDirection = 2e-3, SameSpacing = 1e-3, SameEcho = 0.01; // of unit vectors; share of the spacing; ms
    private const double MostExtraStep = 0.01, MostTomographyGap = 1.5; // share above SpacingBetweenSlices; times SliceThickness
    private const double LargestGap = 0.45; // share of the thickness up to which SpacingBetweenSlices may be the gap that old writers took it for
    private const long SmallVolume = 1 << 24;
    private const int MostStacks = 4096; // of a series; each slice is compared with every stack

    private readonly string source;
    private readonly IReadOnlyList<IReadOnlyList<DicomSlice>> timePoints; // each sorted along the normal
    private readonly IReadOnlyList<DicomSlice> complete; // the first with a slice at each position
    private readonly bool isAmbiguous;
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

        var times = DicomTimePoints.From(positions);
        (timePoints, Incomplete, isAmbiguous) = (times.Points, times.Incomplete, times.IsAmbiguous);
        List<string> problems = times.Problem is { } repeated ? [repeated] : [];
        complete = timePoints.First(t => t.Count == positions.Count);
        var one = complete;
        first = one[0].Plane;
        Rows = one[0].Rows;
        Columns = one[0].Columns;
        Kind = one[0].Type + (one[0].Echo is { } echo ? FormattableString.Invariant($", echo {echo:F2} ms") : "");
        distances = [.. one.Skip(1).Zip(one, (next, slice) => (next.Plane.Position - slice.Plane.Position).Dot(normal))];
        Step = distances.Length == 0 ? (first.Thickness is > 0 and var thickness ? thickness : 1) * normal : 1.0 / distances.Length * (one[^1].Plane.Position - first.Position);
        Geometry = new(new(Columns, Rows, one.Count), new(
            DicomPlane.ToRas(first.ColumnSpacing * first.RowDirection), DicomPlane.ToRas(first.RowSpacing * first.ColumnDirection),
            DicomPlane.ToRas(Step), DicomPlane.ToRas(first.Position)));
        CheckSteps(one, normal, problems);
        Problems = problems;
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

    /// <summary>What is missing from time points that are not complete. The others are read; these are refused, resampled or not.</summary>
    public IReadOnlyList<string> Incomplete { get; }

    /// <summary>What a reader should know, and what does not keep the stack from being read: integers that float32 may round.</summary>
    public IReadOnlyList<string> Notes => complete.Any(s => s.IsWide) ? ["pixels of more than 24 bits: numbers beyond 16 777 216 are rounded to the 24 bits of float32"] : [];

    /// <summary>From slice to slice, LPS mm.</summary>
    private Vector3D Step { get; }

    /// <summary>The files and frames, in the order of k, of the first complete time point.</summary>
    internal IReadOnlyList<DicomSlice> Slices => complete;

    /// <summary>Sorts slices into stacks.</summary>
    /// <param name="source">File or folder, for messages.</param>
    /// <param name="slices">Of one series.</param>
    /// <param name="isComputedTomography">Padding of CT is replaced by the lowest value.</param>
    /// <exception cref="UnsupportedImageException">Thousands of stacks.</exception>
    internal static IReadOnlyList<DicomStack> Group(string source, IEnumerable<DicomSlice> slices, bool isComputedTomography)
    {
        // Compared with the first slice of each stack rather than rounded: of two equal numbers with different last digits, one may round up and one down.
        var stacks = new List<List<DicomSlice>>();
        foreach (var slice in slices)
        {
            if (stacks.Find(s => BelongTogether(s[0], slice)) is { } stack)
            {
                stack.Add(slice);
            }
            else if (stacks.Count < MostStacks)
            {
                stacks.Add([slice]);
            }
            else
            {
                throw new UnsupportedImageException(slice.Path, $"more than {MostStacks} image types, echoes, sizes and orientations in one series", $"at most {MostStacks} stacks of slices", "Export the series again, or leave it out.");
            }
        }

        return stacks.ConvertAll(s => new DicomStack(source, s, isComputedTomography));
    }

    private static bool BelongTogether(DicomSlice a, DicomSlice b)
    {
        var (p, q) = (a.Plane, b.Plane);
        return (a.Rows, a.Columns, a.Type, a.Echo is null) == (b.Rows, b.Columns, b.Type, b.Echo is null)
            && Math.Abs((a.Echo ?? 0) - (b.Echo ?? 0)) <= SameEcho
            && (p.RowDirection - q.RowDirection).Length <= SameDirection && (p.ColumnDirection - q.ColumnDirection).Length <= SameDirection
            && Math.Abs(p.RowSpacing - q.RowSpacing) <= SameSpacing * p.RowSpacing && Math.Abs(p.ColumnSpacing - q.ColumnSpacing) <= SameSpacing * p.ColumnSpacing;
    }

    /// <summary>Reads one volume.</summary>
    /// <param name="timePoint">Which, from 0.</param>
    /// <param name="resample">Whether a stack with problems is put on a regular grid, by linear interpolation between slices, instead of refused.</param>
    /// <param name="warn">Told how many integers do not fit into the 24 bits of float32; null tells nobody.</param>
    /// <exception cref="InvalidImageFileException">The slices are not one regular stack, or a file is damaged; the message gives the figures.</exception>
    /// <exception cref="UnsupportedImageException">The pixels are of a kind that is not read.</exception>
    public Volume Read(int timePoint = 0, bool resample = false, Action<string>? warn = null)
    {
        CheckTimePoint(timePoint);
        if (Problems.Count > 0 && (!resample || isAmbiguous))
        {
            throw new InvalidImageFileException(source, string.Join("; ", Problems), "one slice at each position, in equal steps along the normal",
                "Complete the series, split repeated acquisitions into folders of their own, or resample it: `credence-infer convert --resample`.");
        }

        var slices = timePoints[timePoint];
        CheckPlausible(slices);
        var pixels = Rows * Columns;
        var voxels = Allocate<float>();
        var rounded = 0L;
        ForEachFile(slices, (image, file) =>
        {
            Parallel.ForEach(file, s => image.CopyPixels(s.Slice, voxels.AsSpan(s.K * pixels, pixels)));
            Interlocked.Add(ref rounded, image.Rounded);
            if (isComputedTomography)
            {
                PixelPadding.Replace(image.Dataset, file, voxels, pixels);
            }
        });
        if (rounded > 0)
        {
            warn?.Invoke($"{source}: {rounded} voxels beyond 16 777 216 are rounded to the 24 bits of float32");
        }

        var volume = new Volume(Geometry, voxels);
        return Problems.Count > 0 ? StackStraightening.Straighten(source, string.Join("; ", Problems), volume, slices, distances.Where(d => d >= SamePosition).DefaultIfEmpty(1).Min()) : volume;
    }

    /// <summary>Reads one volume as it is stored, where that can be: regular, at most 16 bits, one line to measured values that float32 holds, no padding to replace.</summary>
    /// <param name="timePoint">Which, from 0.</param>
    /// <returns>null where only <see cref="Read"/> gives the volume.</returns>
    /// <exception cref="InvalidImageFileException">A file is damaged.</exception>
    /// <exception cref="UnsupportedImageException">The pixels are of a kind that is not read.</exception>
    public StoredVolume? ReadStored(int timePoint = 0)
    {
        CheckTimePoint(timePoint);
        var slices = timePoints[timePoint];
        var lut = slices[0].Lut;
        if (Problems.Count > 0 || lut.Table is not null || (float)lut.Slope != lut.Slope || (float)lut.Intercept != lut.Intercept || slices.Any(s => s.Lut != lut))
        {
            return null;
        }

        CheckPlausible(slices);
        var pixels = Rows * Columns;
        var words = Allocate<short>();
        var (isStored, signs) = (true, 0);
        ForEachFile(slices, (image, file) =>
        {
            if (!image.HasWords || isComputedTomography && image.Dataset.Has(DicomTag.PixelPaddingValue))
            {
                isStored = false;
                return;
            }

            Interlocked.Or(ref signs, image.Format.IsSigned ? 1 : 2);
            Parallel.ForEach(file, s => image.CopyWords(s.Slice, words.AsSpan(s.K * pixels, pixels)));
        });
        return isStored && signs != 3 ? new(Geometry, words, signs == 1, lut.Slope, lut.Intercept) : null;
    }

    private void CheckTimePoint(int timePoint)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(timePoint);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(timePoint, TimePoints);
        if (timePoints[timePoint].Count < complete.Count)
        {
            throw new InvalidImageFileException(source, DicomTimePoints.Missing(timePoint, timePoints[timePoint].Count, complete.Count), "a slice at each position",
                "Complete the series, or take another time point.");
        }
    }

    private T[] Allocate<T>()
    {
        try
        {
            return GC.AllocateUninitializedArray<T>((int)Geometry.Size.Count);
        }
        catch (OutOfMemoryException e)
        {
            throw new UnsupportedImageException(source, $"{Geometry.Size} voxels, for which there is no memory", "a volume that fits into memory", "Close other programs, or use a machine with more memory.", e);
        }
    }

    /// <summary>Reads the files of slices in parallel; of several errors, that of the first file by name.</summary>
    private static void ForEachFile(IReadOnlyList<DicomSlice> slices, Action<DicomImage, IEnumerable<(DicomSlice Slice, int K)>> use)
    {
        try
        {
            Parallel.ForEach(slices.Select((slice, k) => (slice, k)).GroupBy(s => s.slice.Path), file => DicomImage.Read(file.Key, image => use(image, file)));
        }
        catch (AggregateException e)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.Flatten().InnerExceptions.MinBy(i => (i as MedicalImageException)?.Path, StringComparer.Ordinal)!);
        }
    }

    /// <summary>A lying header must not cost memory: files have to be as long as their pixels or, where these are compressed, as they would be compressed beyond all use.</summary>
    private void CheckPlausible(IReadOnlyList<DicomSlice> slices)
    {
        var bytes = slices.Select(s => s.Path).Distinct().Sum(p => new FileInfo(p).Length);
        var needed = slices.Sum(s => s.LeastBytes * s.Rows * s.Columns);
        var isCompressed = slices.Any(s => s.LeastBytes < DicomImage.LeastBytesUncompressed);
        if (Geometry.Size.Count > Array.MaxLength || needed > bytes && !(isCompressed && Geometry.Size.Count <= SmallVolume))
        {
            throw new InvalidImageFileException(source, $"{Geometry.Size} voxels in {bytes} bytes of files", "files that hold their pixels, of at most 2 billion voxels", "The files are damaged; copy them again.");
        }
    }

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
                $"steps from {distances.Min():F2} to {distances.Max():F2} mm where {median:F2} is usual, for example {distances[odd]:F2} mm after {slices[odd].Name}: a slice is missing, or the step varies"));
        }

        if (odd < 0 && MissingEverywhere(median) is { } missing)
        {
            problems.Add(missing);
        }

        // Heights alone do not place a slice: one that is shifted in its plane, at any time point, must not be taken for its neighbour.
        var shifted = odd >= 0 ? default : timePoints.Where(t => t.Count == complete.Count).SelectMany(t => t.Select((slice, k) => (Slice: slice, Distance: (slice.Plane.Position - first.Position - k * Step).Length))).MaxBy(s => s.Distance);
        if (shifted.Distance > tolerance)
        {
            problems.Add(FormattableString.Invariant($"{shifted.Slice.Name} lies {shifted.Distance:F2} mm beside the line of the others"));
        }

        if (Geometry.Affine.IsSheared)
        {
            problems.Add(FormattableString.Invariant($"a gantry tilt of {Math.Atan2((Step - Step.Dot(normal) * normal).Length, Step.Dot(normal)) * 180 / Math.PI:F1} degrees"));
        }
    }

    /// <summary>Steps that are all alike can still be too long: every second slice may be missing.</summary>
    private string? MissingEverywhere(double step)
    {
        var (spacing, thickness) = (Math.Abs(first.SpacingBetweenSlices ?? 0), first.SliceThickness ?? 0);
        if (spacing > SamePosition && step > (1 + MostExtraStep) * spacing + SamePosition)
        {
            var isGap = spacing < LargestGap * thickness && Math.Abs(step - spacing - thickness) <= MostExtraStep * step;
            return isGap ? null : FormattableString.Invariant($"steps of {step:F2} mm where SpacingBetweenSlices (0018,0088) is {spacing:F2} mm: slices are missing everywhere, or the attribute is wrong");
        }

        return isComputedTomography && thickness > SamePosition && step > MostTomographyGap * thickness
            ? FormattableString.Invariant($"steps of {step:F2} mm where SliceThickness (0018,0050) is {thickness:F2} mm: slices are missing everywhere, or the scan has gaps")
            : null;
    }
}
