using System.Buffers.Binary;

namespace Credence.MedicalIO.Dicom.Results;

/// <summary>What the numbers of a parametric map are.</summary>
/// <param name="Label">At most 16 characters.</param>
/// <param name="Explanation">In words, at most 64 characters.</param>
/// <param name="Quantity">Coded quantity.</param>
/// <param name="Unit">Coded unit (UCUM).</param>
/// <param name="Maximum">Largest possible value, for display; the smallest is 0.</param>
public sealed record ParametricMapQuantity(string Label, string Explanation, DicomCode Quantity, DicomCode Unit, double Maximum)
{
    /// <summary>Probability of a class.</summary>
    /// <param name="name">Of the class.</param>
    public static ParametricMapQuantity Probability(string name) => new("PROBABILITY", $"Probability of {name}", new("122157", "DCM", "Probability"), DicomCode.NoUnits, 1);

    /// <summary>Predictive entropy of K classes, nats.</summary>
    public static ParametricMapQuantity PredictiveEntropy(int classes) => new(
        "ENTROPY", "Predictive entropy of the Monte Carlo mean", new("CRED-ENTROPY", "99CREDENCE", "Predictive entropy"), DicomCode.Nats, Math.Log(classes));

    /// <summary>Mutual information between prediction and weights, of K classes, nats.</summary>
    public static ParametricMapQuantity MutualInformation(int classes) => new(
        "MUTUAL_INFO", "Mutual information between prediction and weights", new("CRED-MI", "99CREDENCE", "Mutual information"), DicomCode.Nats, Math.Log(classes));
}

/// <summary>Writes DICOM Parametric Maps of 32-bit floating point numbers on the frames of the scan.</summary>
/// <remarks>Source: DICOM PS3.3 (2026), sections A.75 (IOD), C.8.23 and C.7.6.16.2.11 (real world value mapping).</remarks>
public static class ParametricMapWriter
{
    private const string SopClass = "1.2.840.10008.5.1.4.1.1.30";
    private const string ImageType = @"DERIVED\PRIMARY\VOLUME\NONE";

    private static readonly DicomCode Derivation = new("CRED-MC-MAP", "99CREDENCE", "Map computed from Monte Carlo predictions");

    /// <summary>Writes a map.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="map">Finite numbers on the grid of the scan, in any order of axes.</param>
    /// <param name="quantity">What they are.</param>
    /// <param name="source">The scan.</param>
    /// <param name="options">What the result says of itself.</param>
    /// <exception cref="ArgumentException">The map lies on another grid.</exception>
    public static void Write(string path, Volume map, ParametricMapQuantity quantity, DicomSource source, DicomResultOptions options)
    {
        var size = source.Geometry.Size;
        var voxels = Orientation.Reorder(map, source.Geometry).Voxels;
        var pixels = new byte[4L * voxels.Length];
        for (var n = 0; n < voxels.Length; n++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(pixels.AsSpan(4 * n), voxels[n]);
        }

        var image = new ResultImage(source, options, $"parametric map {quantity.Label}", pixels);
        var d = new DicomElementWriter();
        image.WriteIdentification(d, SopClass, source.Header.Text(DicomTag.Modality) ?? "OT", ImageType);
        image.WritePatientAndEquipment(d, "RESEARCH");
        image.WriteRelations(d, [(DicomTag.ImagePositionPatient, DicomTag.PlanePositionSequence, "Position")], hasLaterality: true);
        d.Number(0x0028, 0x0002, 1);
        d.Text(0x0028, 0x0004, "CS", "MONOCHROME2");
        d.Integer(0x0028, 0x0008, size.Depth);
        d.Number(0x0028, 0x0010, size.Height);
        d.Number(0x0028, 0x0011, size.Width);
        d.Number(0x0028, 0x0100, 32);
        d.Text(0x0028, 0x0301, "CS", "NO");
        d.Text(0x0028, 0x0302, "CS", "NO");
        image.WriteLoss(d);
        d.Sequence(0x0040, 0x0555);
        d.Text(0x0070, 0x0080, "CS", quantity.Label);
        d.Text(0x0070, 0x0081, "LO", ResultImage.Limited(options.Description));
        d.Text(0x0070, 0x0084, "PN", "Credence^Software");
        d.Text(0x2050, 0x0020, "CS", "IDENTITY");
        d.Sequence(0x5200, 0x9229, [shared =>
        {
            image.WriteShared(shared);
            shared.Sequence(0x0028, 0x9132, [voi =>
            {
                voi.Decimals(0x0028, 0x1050, quantity.Maximum / 2);
                voi.Decimals(0x0028, 0x1051, quantity.Maximum);
                voi.Text(0x0028, 0x1056, "CS", "LINEAR_EXACT");
            }]);
            shared.Sequence(0x0028, 0x9145, [identity =>
            {
                identity.Decimals(0x0028, 0x1052, 0);
                identity.Decimals(0x0028, 0x1053, 1);
                identity.Text(0x0028, 0x1054, "LO", "US");
            }]);
            shared.Sequence(0x0040, 0x9092, [type => type.Text(0x0008, 0x9007, "CS", ImageType)]);
            shared.Sequence(0x0040, 0x9096, [mapping =>
            {
                mapping.Text(0x0028, 0x3003, "LO", ResultImage.Limited(quantity.Explanation));
                mapping.Code(0x0040, 0x08EA, quantity.Unit);
                mapping.Text(0x0040, 0x9210, "SH", quantity.Label);
                mapping.Doubles(0x0040, 0x9213, quantity.Maximum);
                mapping.Doubles(0x0040, 0x9214, 0);
                mapping.Sequence(0x0040, 0x9220, [definition =>
                {
                    definition.Text(0x0040, 0xA040, "CS", "CODE");
                    definition.Code(0x0040, 0xA043, new("246205007", "SCT", "Quantity"));
                    definition.Code(0x0040, 0xA168, quantity.Quantity);
                }]);
                mapping.Doubles(0x0040, 0x9224, 0);
                mapping.Doubles(0x0040, 0x9225, 1);
            }]);
        }]);
        d.Sequence(0x5200, 0x9230, [.. Enumerable.Range(0, size.Depth).Select(k => (Action<DicomElementWriter>)(item => image.WriteFrame(item, k, Derivation, k + 1)))]);
        d.Bytes(0x7FE0, 0x0008, "OF", pixels, 0);
        DicomElementWriter.WriteFile(path, SopClass, image.SopInstance, d);
    }
}
