using System.Buffers.Binary;

namespace Credence.MedicalIO.Dicom;

/// <summary>One single-frame image of a series: its place in the patient (LPS mm) and its pixels.</summary>
internal sealed class DicomSlice
{
    private const double UnitTolerance = 1e-3;

    private readonly DicomDataset dataset;

    private DicomSlice(string path, DicomDataset dataset)
    {
        (Path, this.dataset) = (path, dataset);
        if (dataset.Text(DicomTag.NumberOfFrames) is { } frames && frames != "1")
        {
            throw new UnsupportedImageException(path, $"{frames} frames in one file", "one file a slice", "Split it with `gdcmconv` or dcm2niix.");
        }

        if (dataset.RequiredNumber(DicomTag.SamplesPerPixel, "SamplesPerPixel") != 1)
        {
            throw new UnsupportedImageException(path, "a colour image", "a grey-scale CT or MR image", "Leave it out of the folder.");
        }

        Rows = dataset.RequiredNumber(DicomTag.Rows, "Rows");
        Columns = dataset.RequiredNumber(DicomTag.Columns, "Columns");
        if (Rows < 1 || Columns < 1)
        {
            throw new InvalidImageFileException(path, $"{Columns} columns and {Rows} rows", "at least 1 of each", "The file is damaged; copy it again.");
        }

        SeriesUid = dataset.RequiredText(DicomTag.SeriesInstanceUid, "SeriesInstanceUID");
        SeriesDescription = dataset.Text(DicomTag.SeriesDescription) ?? "";
        var position = dataset.RequiredDecimals(DicomTag.ImagePositionPatient, 3, "ImagePositionPatient");
        Position = new(position[0], position[1], position[2]);
        var cosines = dataset.RequiredDecimals(DicomTag.ImageOrientationPatient, 6, "ImageOrientationPatient");
        (RowDirection, ColumnDirection) = (new(cosines[0], cosines[1], cosines[2]), new(cosines[3], cosines[4], cosines[5]));
        if (Math.Abs(RowDirection.Length - 1) > UnitTolerance || Math.Abs(ColumnDirection.Length - 1) > UnitTolerance || Math.Abs(RowDirection.Dot(ColumnDirection)) > UnitTolerance)
        {
            throw new InvalidImageFileException(path, FormattableString.Invariant($"ImageOrientationPatient {string.Join('\\', cosines)}"), "two orthogonal unit vectors", "The file is damaged; copy it again.");
        }

        // The first value is the distance between rows (along a column), the second between columns (PS3.3, section 10.7.1.3).
        var spacing = dataset.RequiredDecimals(DicomTag.PixelSpacing, 2, "PixelSpacing");
        (RowSpacing, ColumnSpacing) = (spacing[0], spacing[1]);
        if (!(RowSpacing > 0 && ColumnSpacing > 0))
        {
            throw new InvalidImageFileException(path, FormattableString.Invariant($"PixelSpacing {RowSpacing}\\{ColumnSpacing}"), "numbers above 0", "The file is damaged; copy it again.");
        }

        Thickness = (dataset.Decimals(DicomTag.SpacingBetweenSlices, 1, "SpacingBetweenSlices") ?? dataset.Decimals(DicomTag.SliceThickness, 1, "SliceThickness"))?[0];
    }

    public string Path { get; }

    public int Rows { get; }

    public int Columns { get; }

    public string SeriesUid { get; }

    public string SeriesDescription { get; }

    /// <summary>Centre of the first pixel, LPS mm.</summary>
    public Vector3D Position { get; }

    /// <summary>Direction in which the column index grows, along a row; unit, LPS.</summary>
    public Vector3D RowDirection { get; }

    /// <summary>Direction in which the row index grows, along a column; unit, LPS.</summary>
    public Vector3D ColumnDirection { get; }

    /// <summary>mm between rows.</summary>
    public double RowSpacing { get; }

    /// <summary>mm between columns.</summary>
    public double ColumnSpacing { get; }

    /// <summary>SpacingBetweenSlices, else SliceThickness, mm; used only for a series of one slice.</summary>
    public double? Thickness { get; }

    public static DicomSlice Read(string path, byte[] bytes) => new(path, DicomDataset.Parse(path, bytes));

    /// <summary>Decodes the pixels: stored values x RescaleSlope + RescaleIntercept.</summary>
    /// <param name="target">Rows x Columns, column index fastest.</param>
    public void CopyPixels(Span<float> target)
    {
        var photometric = dataset.RequiredText(DicomTag.PhotometricInterpretation, "PhotometricInterpretation");
        if (photometric is not ("MONOCHROME1" or "MONOCHROME2"))
        {
            throw new UnsupportedImageException(Path, $"PhotometricInterpretation {photometric}", "MONOCHROME1 or MONOCHROME2", "Leave the image out of the folder.");
        }

        var allocated = dataset.RequiredNumber(DicomTag.BitsAllocated, "BitsAllocated");
        var stored = dataset.Number(DicomTag.BitsStored) ?? allocated;
        var highBit = dataset.Number(DicomTag.HighBit) ?? stored - 1;
        var isSigned = dataset.Number(DicomTag.PixelRepresentation) == 1;
        if (allocated is not (8 or 16 or 32) || stored < 1 || stored > allocated || highBit != stored - 1)
        {
            throw new UnsupportedImageException(Path, $"{allocated} bits allocated, {stored} stored, high bit {highBit}", "8, 16 or 32 bits with the low bits used", "Convert it with `gdcmconv --raw`.");
        }

        var pixels = dataset.RequiredBytes(DicomTag.PixelData, "PixelData");
        var needed = (long)target.Length * allocated / 8;
        if (pixels.Length < needed)
        {
            throw new InvalidImageFileException(Path, $"{pixels.Length} bytes of pixels", $"{Columns} x {Rows} x {allocated} bits = {needed} bytes", "The file is cut short; copy it again.");
        }

        var slope = dataset.Decimals(DicomTag.RescaleSlope, 1, "RescaleSlope")?[0] ?? 1;
        var intercept = dataset.Decimals(DicomTag.RescaleIntercept, 1, "RescaleIntercept")?[0] ?? 0;

        // Shifting up and down again drops what lies above the stored bits and extends the sign.
        var shift = 64 - stored;
        for (var n = 0; n < target.Length; n++)
        {
            var raw = allocated switch
            {
                8 => pixels[n],
                16 => BinaryPrimitives.ReadUInt16LittleEndian(pixels[(2 * n)..]),
                _ => (ulong)BinaryPrimitives.ReadUInt32LittleEndian(pixels[(4 * n)..]),
            };
            double value = isSigned ? (long)(raw << shift) >> shift : (raw << shift) >> shift;
            target[n] = (float)(value * slope + intercept);
        }
    }
}
