namespace Credence.MedicalIO.Dicom;

/// <summary>Pixels that the scanner did not measure.</summary>
internal static class PixelPadding
{
    /// <summary>Pixels outside the field of view of a CT become the lowest value inside it (PS3.3, section C.7.5.1.1.2), so that padding does not enter statistics.</summary>
    public static void Replace(DicomDataset dataset, IEnumerable<(DicomSlice Slice, int K)> slices, float[] voxels, int pixels)
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
}
