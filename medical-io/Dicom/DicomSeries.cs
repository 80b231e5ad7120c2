namespace Credence.MedicalIO.Dicom;

/// <summary>Reads a folder with one DICOM series as a volume, and writes a volume as a series. The only place where LPS and RAS meet.</summary>
public static class DicomSeries
{
    private const double DirectionTolerance = 1e-3;
    private const double StepTolerance = 0.01; // share of the step
    private const double SmallestTolerance = 0.01; // mm

    /// <summary>Reads the series in a folder: slices sorted by position along their normal, LPS turned into RAS.</summary>
    /// <remarks>Files without DICOM's mark are passed over. Index i runs along a row, j along a column, k from slice to slice.</remarks>
    /// <exception cref="InvalidImageFileException">No series, a damaged file, or slices that are not one regular stack; the message gives the figures.</exception>
    /// <exception cref="UnsupportedImageException">Several series, compressed pixels, several frames, or colour.</exception>
    public static Volume Read(string folder)
    {
        var slices = new List<DicomSlice>();
        foreach (var path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            var bytes = File.ReadAllBytes(path);
            if (DicomDataset.HasMark(bytes))
            {
                slices.Add(DicomSlice.Read(path, bytes));
            }
        }

        if (slices.Count == 0)
        {
            throw new InvalidImageFileException(folder, "no DICOM file", "a folder with the files of one series", "Check the path; sub-folders are not searched.");
        }

        var series = slices.GroupBy(s => s.SeriesUid).ToList();
        if (series.Count > 1)
        {
            throw new UnsupportedImageException(folder, $"{series.Count} series: {string.Join(", ", series.Select(s => $"\"{s.First().SeriesDescription}\" with {s.Count()} files"))}",
                "one series", "Move each series into a folder of its own.");
        }

        var first = slices[0];
        foreach (var slice in slices)
        {
            CheckSame(first, slice);
        }

        var normal = first.RowDirection.Cross(first.ColumnDirection);
        slices = [.. slices.OrderBy(s => s.Position.Dot(normal))];
        var step = Step(folder, slices, normal);
        var size = new Size3(first.Columns, first.Rows, slices.Count);
        var affine = new Affine(
            ToRas(first.ColumnSpacing * first.RowDirection), ToRas(first.RowSpacing * first.ColumnDirection), ToRas(step), ToRas(slices[0].Position));

        var pixels = first.Columns * first.Rows;
        var voxels = new float[size.Count];
        for (var k = 0; k < slices.Count; k++)
        {
            slices[k].CopyPixels(voxels.AsSpan(k * pixels, pixels));
        }

        return new(new(size, affine), voxels);
    }

    /// <summary>LPS+ to RAS+ and back: left and posterior change sign.</summary>
    internal static Vector3D ToRas(Vector3D v) => new(-v.X, -v.Y, v.Z);

    private static void CheckSame(DicomSlice first, DicomSlice slice)
    {
        if (slice.Rows != first.Rows || slice.Columns != first.Columns)
        {
            throw new InvalidImageFileException(slice.Path, $"{slice.Columns} x {slice.Rows} pixels", $"{first.Columns} x {first.Rows} as in {Path.GetFileName(first.Path)}",
                "Move what does not belong to the series out of the folder.");
        }

        if ((slice.RowDirection - first.RowDirection).Length > DirectionTolerance || (slice.ColumnDirection - first.ColumnDirection).Length > DirectionTolerance)
        {
            throw new InvalidImageFileException(slice.Path, "another orientation", $"that of {Path.GetFileName(first.Path)}", "Move localisers out of the folder.");
        }

        if (Math.Abs(slice.RowSpacing - first.RowSpacing) > SmallestTolerance || Math.Abs(slice.ColumnSpacing - first.ColumnSpacing) > SmallestTolerance)
        {
            throw new InvalidImageFileException(slice.Path, FormattableString.Invariant($"PixelSpacing {slice.RowSpacing}\\{slice.ColumnSpacing}"),
                FormattableString.Invariant($"{first.RowSpacing}\\{first.ColumnSpacing} as in {Path.GetFileName(first.Path)}"), "Move what does not belong to the series out of the folder.");
        }
    }

    /// <summary>The vector from slice to slice, LPS mm.</summary>
    private static Vector3D Step(string folder, List<DicomSlice> slices, Vector3D normal)
    {
        if (slices.Count == 1)
        {
            return (slices[0].Thickness is > 0 and var thickness ? thickness : 1) * normal;
        }

        var distances = slices.Skip(1).Zip(slices, (next, slice) => (next.Position - slice.Position).Dot(normal)).ToList();
        var median = distances.Order().ElementAt(distances.Count / 2);
        var tolerance = Math.Max(SmallestTolerance, StepTolerance * median);
        for (var k = 0; k < distances.Count; k++)
        {
            if (distances[k] < SmallestTolerance)
            {
                throw new InvalidImageFileException(folder,
                    FormattableString.Invariant($"{Path.GetFileName(slices[k].Path)} and {Path.GetFileName(slices[k + 1].Path)} at the same position ({distances[k]:F3} mm apart)"),
                    "one slice at each position", "Split repeated acquisitions or time points into folders of their own.");
            }

            if (Math.Abs(distances[k] - median) > tolerance)
            {
                throw new InvalidImageFileException(folder,
                    FormattableString.Invariant($"steps from {distances.Min():F2} to {distances.Max():F2} mm, for example {distances[k]:F2} mm after {Path.GetFileName(slices[k].Path)}"),
                    FormattableString.Invariant($"equal steps ({median:F2} mm, to within {tolerance:F2})"), "A slice is missing, or the step varies: complete the series or resample it.");
            }
        }

        var step = 1.0 / distances.Count * (slices[^1].Position - slices[0].Position);
        var sheared = step - step.Dot(normal) * normal;
        if (sheared.Length > tolerance)
        {
            throw new InvalidImageFileException(folder,
                FormattableString.Invariant($"a gantry tilt of {Math.Atan2(sheared.Length, step.Dot(normal)) * 180 / Math.PI:F1} degrees"),
                "slices stacked along their normal", "Correct the tilt, for example with dcm2niix, and give the result.");
        }

        return step;
    }
}
