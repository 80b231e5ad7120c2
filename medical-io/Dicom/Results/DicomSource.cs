namespace Credence.MedicalIO.Dicom.Results;

/// <summary>The scan that a result was computed from: patient, study, place and instances, which the result refers to.</summary>
public sealed class DicomSource
{
    private DicomSource(DicomDataset header, DicomDataset? lossy, bool hasText, VolumeGeometry geometry, IReadOnlyList<(string SopClass, string SopInstance, int? Frame)> slices) =>
        (Header, Lossy, HasText, Geometry, Slices) = (header, lossy, hasText, geometry, slices);

    /// <summary>Attributes of the first file.</summary>
    internal DicomDataset Header { get; }

    /// <summary>Attributes of the first file whose pixels have ever been compressed with loss, which a result must go on saying (PS3.3, section C.7.6.1.1.5); null where none has.</summary>
    internal DicomDataset? Lossy { get; }

    /// <summary>Whether an image has text in its pixels that could identify the patient.</summary>
    internal bool HasText { get; }

    /// <summary>The grid of the scan.</summary>
    public VolumeGeometry Geometry { get; }

    /// <summary>For each k the instance, and of multi-frame images the frame from 1.</summary>
    internal IReadOnlyList<(string SopClass, string SopInstance, int? Frame)> Slices { get; }

    /// <summary>Takes a stack of a series.</summary>
    /// <exception cref="InvalidImageFileException">The stack is irregular, so that a result on it cannot be placed; or an identifying attribute is missing.</exception>
    public static DicomSource From(DicomStack stack)
    {
        if (stack.Problems.Count > 0)
        {
            throw new InvalidImageFileException(stack.Slices[0].Path, string.Join("; ", stack.Problems), "a regular stack, on whose frames a result can be placed", "Write the result as NIfTI.");
        }

        var headers = stack.Slices.Select(s => s.Path).Distinct()
            .ToDictionary(p => p, p => DicomFile.ReadHeader(p) ?? throw new InvalidImageFileException(p, "no DICOM file", "the file that was read before", "Do not change the study while it is processed."));
        var slices = stack.Slices.Select(s =>
        {
            var header = headers[s.Path];
            return (header.RequiredText(DicomTag.SopClassUid, "SOPClassUID"), header.RequiredText(DicomTag.SopInstanceUid, "SOPInstanceUID"),
                header.Has(DicomTag.PerFrameFunctionalGroupsSequence) ? s.Frame + 1 : (int?)null);
        }).ToList();
        var first = headers[stack.Slices[0].Path];
        first.RequiredText(DicomTag.StudyInstanceUid, "StudyInstanceUID");
        first.RequiredText(DicomTag.SeriesInstanceUid, "SeriesInstanceUID");
        var inOrder = stack.Slices.Select(s => headers[s.Path]).Distinct().ToList();
        return new(first, inOrder.Find(IsLossy), inOrder.Exists(h => h.Text(DicomTag.BurnedInAnnotation) == "YES"), stack.Geometry, slices);
    }

    private static bool IsLossy(DicomDataset header) =>
        header.Text(DicomTag.LossyImageCompression) is var said && (said == "01" || (header.Syntax.IsLossy ?? said != "00"));
}
