namespace Credence.MedicalIO.Dicom;

/// <summary>What identifies a DICOM object, whatever it holds.</summary>
/// <param name="StudyUid">StudyInstanceUID; null when absent.</param>
/// <param name="SeriesUid">SeriesInstanceUID; null when absent.</param>
/// <param name="Uid">SOPInstanceUID; null when absent.</param>
public sealed record DicomInstance(string? StudyUid, string? SeriesUid, string? Uid)
{
    /// <summary>Reads it from a file; null where that cannot be read or is not DICOM.</summary>
    /// <param name="path">The file.</param>
    public static DicomInstance? Read(string path)
    {
        try
        {
            return DicomFile.ReadHeader(path) is { } header ? new(header.Text(DicomTag.StudyInstanceUid), header.Text(DicomTag.SeriesInstanceUid), header.Text(DicomTag.SopInstanceUid)) : null;
        }
        catch (Exception e) when (e is MedicalImageException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
