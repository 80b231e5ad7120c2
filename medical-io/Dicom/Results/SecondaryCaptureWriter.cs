namespace Credence.MedicalIO.Dicom.Results;

/// <summary>Writes colour pictures as Multi-frame True Color Secondary Capture, for viewers that show nothing else.</summary>
/// <remarks>Source: DICOM PS3.3 (2026), sections A.8.5 (IOD) and C.8.6. A picture is for looking at, not for measuring: it says so in its burned-in text flag and carries no places.</remarks>
public static class SecondaryCaptureWriter
{
    private const string SopClass = "1.2.840.10008.5.1.4.1.1.7.4";
    private static readonly DicomTag PageNumberVector = new(0x0018, 0x2001);

    /// <summary>Writes pictures, one a frame.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="width">Pixels along a row.</param>
    /// <param name="height">Pixels along a column.</param>
    /// <param name="frames">Red, green, blue, one byte each, row by row; at least one frame.</param>
    /// <param name="hasText">Whether text is drawn into the pictures that could identify the patient.</param>
    /// <param name="source">The scan.</param>
    /// <param name="options">What the result says of itself.</param>
    /// <exception cref="ArgumentException">A frame has another size, or there is none.</exception>
    public static void Write(string path, int width, int height, IReadOnlyList<byte[]> frames, bool hasText, DicomSource source, DicomResultOptions options)
    {
        var length = 3 * width * height;
        if (frames.Count == 0 || frames.Any(f => f.Length != length))
        {
            throw new ArgumentException($"Frames of {length} bytes are needed, at least one.", nameof(frames));
        }

        var pixels = new byte[(long)length * frames.Count];
        for (var f = 0; f < frames.Count; f++)
        {
            frames[f].CopyTo(pixels, f * length);
        }

        var image = new ResultImage(source, options, "secondary capture", pixels);
        var d = new DicomElementWriter();
        image.WriteIdentification(d, SopClass, source.Header.Text(DicomTag.Modality) ?? "OT", @"DERIVED\SECONDARY", e => e.Text(0x0008, 0x0064, "CS", "WSD"));
        image.WriteSourceImages(d);
        image.WritePatientAndEquipment(d);
        if (frames.Count > 1)
        {
            d.Text(0x0018, 0x2001, "IS", string.Join('\\', Enumerable.Range(1, frames.Count)));
        }

        image.WriteRelations(d, []);
        d.Number(0x0028, 0x0002, 3);
        d.Text(0x0028, 0x0004, "CS", "RGB");
        d.Number(0x0028, 0x0006, 0);
        d.Integer(0x0028, 0x0008, frames.Count);
        if (frames.Count > 1)
        {
            d.Pointer(0x0028, 0x0009, PageNumberVector); // one frame has no order, and must not point to one (PS3.3, section C.8.6.3)
        }

        d.Number(0x0028, 0x0010, height);
        d.Number(0x0028, 0x0011, width);
        d.Number(0x0028, 0x0100, 8);
        d.Number(0x0028, 0x0101, 8);
        d.Number(0x0028, 0x0102, 7);
        d.Number(0x0028, 0x0103, 0);
        d.Text(0x0028, 0x0301, "CS", hasText || source.HasText ? "YES" : "NO");
        image.WriteLoss(d);
        d.Bytes(0x7FE0, 0x0010, "OB", pixels, 0);
        DicomElementWriter.WriteFile(path, SopClass, image.SopInstance, d);
    }
}
