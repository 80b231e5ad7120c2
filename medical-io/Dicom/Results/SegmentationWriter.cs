namespace Credence.MedicalIO.Dicom.Results;

/// <summary>Writes DICOM Segmentations on the frames of the scan.</summary>
/// <remarks>Source: DICOM PS3.3 (2026), sections A.51 (IOD) and C.8.20. Frames without a voxel of their segment are left out.</remarks>
public static class SegmentationWriter
{
    private const int LargestFraction = 255;

    private static readonly DicomCode Derivation = new("113076", "DCM", "Segmentation");
    private static readonly DicomTag ReferencedSegmentNumber = new(0x0062, 0x000B);
    private static readonly DicomTag SegmentIdentificationSequence = new(0x0062, 0x000A);

    /// <summary>Writes a label map as a BINARY segmentation.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="labels">On the grid of the scan, in any order of axes.</param>
    /// <param name="segments">Labels to write; segment numbers follow their order.</param>
    /// <param name="source">The scan.</param>
    /// <param name="options">What the result says of itself.</param>
    /// <exception cref="ArgumentException">The label map lies on another grid.</exception>
    public static void WriteBinary(string path, LabelMap labels, IReadOnlyList<DicomSegment> segments, DicomSource source, DicomResultOptions options)
    {
        labels = Orientation.Reorder(labels, source.Geometry);
        var pixels = source.Geometry.Size.Width * source.Geometry.Size.Height;
        var frames = Frames(segments.Count, source, (segment, k) => labels.Labels.AsSpan(k * pixels, pixels).Contains(segments[segment].Label));
        var bits = new byte[((long)frames.Count * pixels + 7) / 8];
        for (var f = 0; f < frames.Count; f++)
        {
            var slice = labels.Labels.AsSpan(frames[f].K * pixels, pixels);
            for (var n = 0; n < pixels; n++)
            {
                if (slice[n] == segments[frames[f].Segment].Label)
                {
                    var bit = (long)f * pixels + n;
                    bits[bit >> 3] |= (byte)(1 << (int)(bit & 7));
                }
            }
        }

        Write(path, segments, source, options, frames, bits, isBinary: true);
    }

    /// <summary>Writes probabilities as a FRACTIONAL segmentation, in steps of 1/255.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="probabilities">One a segment, in [0, 1], on the grid of the scan, in any order of axes.</param>
    /// <param name="segments">Names and codes; their labels are not looked at.</param>
    /// <param name="source">The scan.</param>
    /// <param name="options">What the result says of itself.</param>
    /// <exception cref="ArgumentException">A map lies on another grid, or there is not one a segment.</exception>
    public static void WriteFractional(string path, IReadOnlyList<Volume> probabilities, IReadOnlyList<DicomSegment> segments, DicomSource source, DicomResultOptions options)
    {
        if (probabilities.Count != segments.Count)
        {
            throw new ArgumentException($"{probabilities.Count} maps were given for {segments.Count} segments.", nameof(probabilities));
        }

        var stored = probabilities.Select(p => Array.ConvertAll(Orientation.Reorder(p, source.Geometry).Voxels, v => (byte)Math.Round(Math.Clamp(v, 0, 1) * LargestFraction))).ToList();
        var pixels = source.Geometry.Size.Width * source.Geometry.Size.Height;
        var frames = Frames(segments.Count, source, (segment, k) => stored[segment].AsSpan(k * pixels, pixels).ContainsAnyExcept((byte)0));
        var bytes = new byte[(long)frames.Count * pixels];
        for (var f = 0; f < frames.Count; f++)
        {
            stored[frames[f].Segment].AsSpan(frames[f].K * pixels, pixels).CopyTo(bytes.AsSpan(f * pixels));
        }

        Write(path, segments, source, options, frames, bytes, isBinary: false);
    }

    /// <summary>The frames that hold something; of an empty segmentation the first, because an image has at least one.</summary>
    private static List<(int Segment, int K)> Frames(int segments, DicomSource source, Func<int, int, bool> isFilled)
    {
        var frames = new List<(int Segment, int K)>();
        for (var segment = 0; segment < segments; segment++)
        {
            frames.AddRange(Enumerable.Range(0, source.Geometry.Size.Depth).Where(k => isFilled(segment, k)).Select(k => (segment, k)));
        }

        return frames.Count > 0 ? frames : [(0, 0)];
    }

    private static void Write(
        string path, IReadOnlyList<DicomSegment> segments, DicomSource source, DicomResultOptions options, List<(int Segment, int K)> frames, byte[] pixels, bool isBinary)
    {
        var image = new ResultImage(source, options, isBinary ? "binary segmentation" : "fractional segmentation", pixels);
        var d = new DicomElementWriter();
        image.WriteIdentification(d, DicomSegmentation.SopClass, "SEG", @"DERIVED\PRIMARY");
        image.WritePatientAndEquipment(d);
        image.WriteRelations(d, [(ReferencedSegmentNumber, SegmentIdentificationSequence, "Segment"), (DicomTag.ImagePositionPatient, DicomTag.PlanePositionSequence, "Position")]);
        d.Number(0x0028, 0x0002, 1);
        d.Text(0x0028, 0x0004, "CS", "MONOCHROME2");
        d.Integer(0x0028, 0x0008, frames.Count);
        d.Number(0x0028, 0x0010, source.Geometry.Size.Height);
        d.Number(0x0028, 0x0011, source.Geometry.Size.Width);
        d.Number(0x0028, 0x0100, isBinary ? 1 : 8);
        d.Number(0x0028, 0x0101, isBinary ? 1 : 8);
        d.Number(0x0028, 0x0102, isBinary ? 0 : 7);
        d.Number(0x0028, 0x0103, 0);
        image.WriteLoss(d);
        d.Text(0x0062, 0x0001, "CS", isBinary ? "BINARY" : "FRACTIONAL");
        d.Sequence(0x0062, 0x0002, [.. segments.Select((segment, n) => (Action<DicomElementWriter>)(item =>
        {
            item.Code(0x0062, 0x0003, segment.Category);
            item.Number(0x0062, 0x0004, n + 1);
            item.Text(0x0062, 0x0005, "LO", ResultImage.Limited(segment.Name));
            item.Sequence(0x0062, 0x0007, [algorithm =>
            {
                algorithm.Code(0x0066, 0x002F, new("123110", "DCM", "Artificial Intelligence"));
                algorithm.Text(0x0066, 0x0031, "LO", ResultImage.Limited(options.AlgorithmVersion));
                algorithm.Text(0x0066, 0x0036, "LO", ResultImage.Limited(options.Algorithm));
            }]);
            item.Text(0x0062, 0x0008, "CS", "AUTOMATIC");
            item.Text(0x0062, 0x0009, "LO", ResultImage.Limited(options.Algorithm));
            item.Code(0x0062, 0x000F, segment.Type);
            item.Text(0x0062, 0x0020, "UT", segment.Name);
            item.Text(0x0062, 0x0021, "UI", image.Uid($"tracking {n}"));
        }))]);
        if (!isBinary)
        {
            d.Number(0x0062, 0x000E, LargestFraction);
            d.Text(0x0062, 0x0010, "CS", "PROBABILITY");
        }

        d.Text(0x0062, 0x0013, "CS", isBinary ? "NO" : "UNDEFINED");
        d.Text(0x0070, 0x0080, "CS", "SEGMENTATION");
        d.Text(0x0070, 0x0081, "LO", ResultImage.Limited(options.Description));
        d.Text(0x0070, 0x0084, "PN", "Credence^Software");
        d.Sequence(0x5200, 0x9229, [image.WriteShared]);
        var positions = frames.Select(f => f.K).Distinct().Order().Select((k, n) => (k, n)).ToDictionary(p => p.k, p => p.n + 1);
        d.Sequence(0x5200, 0x9230, [.. frames.Select(frame => (Action<DicomElementWriter>)(item =>
        {
            image.WriteFrame(item, frame.K, Derivation, frame.Segment + 1, positions[frame.K]);
            item.Sequence(0x0062, 0x000A, [identification => identification.Number(0x0062, 0x000B, frame.Segment + 1)]);
        }))]);
        d.Bytes(0x7FE0, 0x0010, "OB", pixels, 0);
        DicomElementWriter.WriteFile(path, DicomSegmentation.SopClass, image.SopInstance, d);
    }
}
