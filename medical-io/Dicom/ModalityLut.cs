namespace Credence.MedicalIO.Dicom;

/// <summary>From stored values to those of the modality: a line, or a table.</summary>
/// <param name="Slope">RescaleSlope.</param>
/// <param name="Intercept">RescaleIntercept.</param>
/// <param name="Table">Values of a Modality LUT sequence; null for the line.</param>
/// <param name="First">Stored value of the table's first entry.</param>
/// <remarks>Source: DICOM PS3.3 (2026), section C.11.1; for frames of enhanced images C.7.6.16.2.9.</remarks>
internal sealed record ModalityLut(double Slope, double Intercept, ushort[]? Table = null, int First = 0)
{
    /// <summary>Reads the transformation of a file or of a frame.</summary>
    /// <param name="dataset">Has the attributes.</param>
    /// <param name="isSigned">Whether stored values are, and with them the table's first.</param>
    /// <exception cref="InvalidImageFileException">The table does not have the length that its descriptor says, or the slope is 0.</exception>
    public static ModalityLut Read(DicomDataset dataset, bool isSigned)
    {
        if (dataset.Item(DicomTag.ModalityLutSequence) is { } item)
        {
            var (descriptor, table) = (item.UInt16s(DicomTag.LutDescriptor), item.UInt16s(DicomTag.LutData));
            var length = descriptor.Length == 3 ? (descriptor[0] == 0 ? 1 << 16 : descriptor[0]) : -1;
            return table.Length == length
                ? new(1, 0, table, isSigned ? (short)descriptor[1] : descriptor[1])
                : throw new InvalidImageFileException(dataset.Path, $"a Modality LUT of {table.Length} values", $"{length}, as its descriptor says", "The file is damaged; copy it again.");
        }

        var slope = dataset.Decimal(DicomTag.RescaleSlope, "RescaleSlope") ?? 1;
        if (slope == 0)
        {
            throw new InvalidImageFileException(dataset.Path, "RescaleSlope (0028,1053) of 0, which makes all pixels equal", "a slope above or below 0",
                "Export the series again, or correct the attribute with `dcmodify` if the slope is known.");
        }

        return new(slope, dataset.Decimal(DicomTag.RescaleIntercept, "RescaleIntercept") ?? 0);
    }

    /// <summary>The value of a stored value; those beyond a table take its ends.</summary>
    public float Apply(int stored) =>
        Table is null ? (float)(stored * Slope + Intercept) : Table[Math.Clamp(stored - First, 0, Table.Length - 1)];
}
