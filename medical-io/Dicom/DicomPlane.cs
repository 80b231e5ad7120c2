namespace Credence.MedicalIO.Dicom;

/// <summary>Where a frame lies in the patient. All in LPS+ mm.</summary>
/// <param name="Position">Centre of the first pixel.</param>
/// <param name="RowDirection">Unit vector in which the column index grows, along a row.</param>
/// <param name="ColumnDirection">Unit vector in which the row index grows, along a column.</param>
/// <param name="RowSpacing">mm between rows.</param>
/// <param name="ColumnSpacing">mm between columns.</param>
/// <param name="SpacingBetweenSlices">mm, as the file says.</param>
/// <param name="SliceThickness">mm, as the file says.</param>
internal sealed record DicomPlane(Vector3D Position, Vector3D RowDirection, Vector3D ColumnDirection, double RowSpacing, double ColumnSpacing, double? SpacingBetweenSlices, double? SliceThickness)
{
    private const double UnitTolerance = 1e-3;
    private const double LargestPosition = 1e6, SmallestSpacing = 1e-5, LargestSpacing = 1e4; // mm

    /// <summary>SpacingBetweenSlices, else SliceThickness, mm; the step only where there is one slice.</summary>
    public double? Thickness => SpacingBetweenSlices ?? SliceThickness;

    /// <summary>Unit vector out of the plane, right-handed.</summary>
    public Vector3D Normal => RowDirection.Cross(ColumnDirection);

    /// <summary>LPS+ to RAS+ and back: left and posterior change sign. The only place where they meet.</summary>
    public static Vector3D ToRas(Vector3D v) => new(-v.X, -v.Y, v.Z);

    /// <summary>Reads the plane from the data sets that hold its parts, the nearest first: the file itself, or a frame's functional groups.</summary>
    /// <param name="position">Has ImagePositionPatient.</param>
    /// <param name="orientation">Has ImageOrientationPatient.</param>
    /// <param name="measures">Has PixelSpacing and the thickness.</param>
    /// <exception cref="InvalidImageFileException">An attribute is missing or impossible.</exception>
    public static DicomPlane Read(DicomDataset position, DicomDataset orientation, DicomDataset measures)
    {
        var origin = position.RequiredDecimals(DicomTag.ImagePositionPatient, 3, "ImagePositionPatient");
        var cosines = orientation.RequiredDecimals(DicomTag.ImageOrientationPatient, 6, "ImageOrientationPatient");
        var (row, column) = (new Vector3D(cosines[0], cosines[1], cosines[2]), new Vector3D(cosines[3], cosines[4], cosines[5]));
        if (Math.Abs(row.Length - 1) > UnitTolerance || Math.Abs(column.Length - 1) > UnitTolerance || Math.Abs(row.Dot(column)) > UnitTolerance)
        {
            throw new InvalidImageFileException(position.Path, FormattableString.Invariant($"ImageOrientationPatient {string.Join('\\', cosines)}"), "two orthogonal unit vectors", "The file is damaged; copy it again.");
        }

        // The first value is the distance between rows (along a column), the second between columns (PS3.3, section 10.7.1.3).
        var spacing = measures.RequiredDecimals(DicomTag.PixelSpacing, 2, "PixelSpacing");
        if (origin.Any(x => Math.Abs(x) > LargestPosition))
        {
            throw new InvalidImageFileException(position.Path, FormattableString.Invariant($"ImagePositionPatient {string.Join('\\', origin)}"), "a place within a kilometre", "The file is damaged; copy it again.");
        }

        if (!spacing.All(s => s is > SmallestSpacing and < LargestSpacing))
        {
            throw new InvalidImageFileException(position.Path, FormattableString.Invariant($"PixelSpacing {spacing[0]}\\{spacing[1]}"), "millimetres between pixels", "The file is damaged; copy it again.");
        }

        // Cosines are often rounded; unit vectors at right angles keep lengths, and the slices where they are.
        row = 1 / row.Length * row;
        column -= column.Dot(row) * row;
        column = 1 / column.Length * column;
        return new(new(origin[0], origin[1], origin[2]), row, column, spacing[0], spacing[1],
            measures.Decimal(DicomTag.SpacingBetweenSlices, "SpacingBetweenSlices"), measures.Decimal(DicomTag.SliceThickness, "SliceThickness"));
    }
}
