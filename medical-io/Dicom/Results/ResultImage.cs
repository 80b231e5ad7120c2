using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Credence.MedicalIO.Dicom.Results;

/// <summary>The modules that all multi-frame results have in common, in the order of their tags.</summary>
/// <remarks>Source: DICOM PS3.3 (2026), sections C.7.1.1, C.7.2.1, C.7.4.1, C.7.5.1-2, C.7.6.16-17, C.12.1-2. Text of the source is copied as it is read.</remarks>
internal sealed class ResultImage
{
    private readonly DicomSource source;
    private readonly DicomResultOptions options;
    private readonly string seed;

    public ResultImage(DicomSource source, DicomResultOptions options, string kind, ReadOnlySpan<byte> pixels)
    {
        (this.source, this.options) = (source, options);

        // The same result of the same scan is the same instance, so that sending it twice does no harm.
        seed = $"{kind}|{options.Description}|{string.Join('|', source.Slices.Select(s => s.SopInstance))}|{options.Algorithm}|{options.AlgorithmVersion}|{options.Created:O}|{Convert.ToHexString(SHA256.HashData(pixels))}";
    }

    public string SopInstance => DicomUid.From($"{seed}|instance");

    public string Uid(string part) => DicomUid.From($"{seed}|{part}");

    /// <summary>Groups 0008 (from SpecificCharacterSet) to 0010.</summary>
    public void WriteIdentification(DicomElementWriter d, string sopClass, string modality, string imageType, Action<DicomElementWriter>? conversion = null)
    {
        var (date, time) = (options.Created.ToString("yyyyMMdd", CultureInfo.InvariantCulture), options.Created.ToString("HHmmss", CultureInfo.InvariantCulture));
        d.Text(0x0008, 0x0005, "CS", "ISO_IR 192");
        d.Text(0x0008, 0x0008, "CS", imageType);
        d.Text(0x0008, 0x0016, "UI", sopClass);
        d.Text(0x0008, 0x0018, "UI", SopInstance);
        Copy(d, 0x0008, 0x0020, "DA");
        d.Text(0x0008, 0x0021, "DA", date);
        d.Text(0x0008, 0x0023, "DA", date);
        Copy(d, 0x0008, 0x0030, "TM");
        d.Text(0x0008, 0x0031, "TM", time);
        d.Text(0x0008, 0x0033, "TM", time);
        Copy(d, 0x0008, 0x0050, "SH");
        d.Text(0x0008, 0x0060, "CS", modality);
        conversion?.Invoke(d);
        d.Text(0x0008, 0x0070, "LO", "Credence");
        Copy(d, 0x0008, 0x0090, "PN");
        d.Text(0x0008, 0x103E, "LO", Limited(options.Description));
        d.Text(0x0008, 0x1090, "LO", Limited(options.Algorithm));
        d.Sequence(0x0008, 0x1115, [series =>
        {
            series.Sequence(0x0008, 0x114A, [.. Instances().Select(s => (Action<DicomElementWriter>)(instance =>
            {
                instance.Text(0x0008, 0x1150, "UI", s.SopClass);
                instance.Text(0x0008, 0x1155, "UI", s.SopInstance);
            }))]);
            series.Text(0x0020, 0x000E, "UI", source.Header.RequiredText(DicomTag.SeriesInstanceUid, "SeriesInstanceUID"));
        }]);
    }

    /// <summary>The images that a result without functional groups comes from.</summary>
    public void WriteSourceImages(DicomElementWriter d) =>
        d.Sequence(0x0008, 0x2112, [.. Instances().Select(s => (Action<DicomElementWriter>)(image => WriteSourceImage(image, s.SopClass, s.SopInstance, null)))]);

    /// <summary>Group 0010, and 0018 as far as the equipment.</summary>
    /// <param name="d">Where to.</param>
    /// <param name="contentQualification">PRODUCT, RESEARCH or SERVICE; null for objects that have none.</param>
    public void WritePatientAndEquipment(DicomElementWriter d, string? contentQualification = null)
    {
        Copy(d, 0x0010, 0x0010, "PN");
        Copy(d, 0x0010, 0x0020, "LO");
        Copy(d, 0x0010, 0x0030, "DA");
        Copy(d, 0x0010, 0x0040, "CS");
        d.Text(0x0018, 0x1000, "LO", "none"); // software has no serial number
        d.Text(0x0018, 0x1020, "LO", Limited(options.AlgorithmVersion));
        if (contentQualification is not null)
        {
            d.Text(0x0018, 0x9004, "CS", contentQualification);
        }
    }

    /// <summary>Group 0020: study, series, frame of reference and dimensions.</summary>
    /// <param name="d">Where to.</param>
    /// <param name="dimensions">What numbers the frames, each by the attribute and the functional group that holds it.</param>
    /// <param name="hasLaterality">Whether the kind of object has a Laterality; a segmentation must not.</param>
    public void WriteRelations(DicomElementWriter d, IReadOnlyList<(DicomTag Attribute, DicomTag Group, string Label)> dimensions, bool hasLaterality = false)
    {
        d.Text(0x0020, 0x000D, "UI", source.Header.RequiredText(DicomTag.StudyInstanceUid, "StudyInstanceUID"));
        d.Text(0x0020, 0x000E, "UI", Uid("series"));
        Copy(d, 0x0020, 0x0010, "SH");
        d.Integer(0x0020, 0x0011, options.SeriesNumber);
        d.Integer(0x0020, 0x0013, 1);
        if (dimensions.Count == 0)
        {
            d.Text(0x0020, 0x0020, "CS", ""); // PatientOrientation: a picture has none
            d.Text(0x0020, 0x0060, "CS", "");
            return;
        }

        // Where the scan has no frame of reference the result cannot share it; its own says only that its frames belong together.
        d.Text(0x0020, 0x0052, "UI", source.Header.Text(new(0x0020, 0x0052)) ?? Uid("frame of reference"));
        if (hasLaterality)
        {
            Copy(d, 0x0020, 0x0060, "CS");
        }

        Copy(d, 0x0020, 0x1040, "LO");
        d.Sequence(0x0020, 0x9221, [item => item.Text(0x0020, 0x9164, "UI", Uid("dimensions"))]);
        d.Sequence(0x0020, 0x9222, [.. dimensions.Select(dimension => (Action<DicomElementWriter>)(item =>
        {
            item.Text(0x0020, 0x9164, "UI", Uid("dimensions"));
            item.Pointer(0x0020, 0x9165, dimension.Attribute);
            item.Pointer(0x0020, 0x9167, dimension.Group);
            item.Text(0x0020, 0x9421, "LO", dimension.Label);
        }))]);
    }

    /// <summary>Group 0028 from LossyImageCompression on: what the scan has lost, its result has lost.</summary>
    public void WriteLoss(DicomElementWriter d)
    {
        d.Text(0x0028, 0x2110, "CS", source.Lossy is null ? "00" : "01");
        if (source.Lossy?.Text(DicomTag.LossyImageCompressionRatio) is { } ratio)
        {
            d.Text(0x0028, 0x2112, "DS", ratio);
        }

        if (source.Lossy is { } lossy && (lossy.Text(DicomTag.LossyImageCompressionMethod) ?? lossy.Syntax.LossyMethod) is { } method)
        {
            d.Text(0x0028, 0x2114, "CS", method);
        }
    }

    /// <summary>The functional groups that all frames share: where the planes lie, apart from their positions.</summary>
    public void WriteShared(DicomElementWriter d)
    {
        var (spacing, affine) = (source.Geometry.Spacing, source.Geometry.Affine);
        var (row, column) = (DicomPlane.ToRas(1 / spacing.X * affine.ColumnI), DicomPlane.ToRas(1 / spacing.Y * affine.ColumnJ));
        d.Sequence(0x0020, 0x9116, [item => item.Decimals(0x0020, 0x0037, row.X, row.Y, row.Z, column.X, column.Y, column.Z)]);
        d.Sequence(0x0028, 0x9110, [item =>
        {
            item.Decimals(0x0018, 0x0050, spacing.Z);
            item.Decimals(0x0018, 0x0088, spacing.Z);
            item.Decimals(0x0028, 0x0030, spacing.Y, spacing.X); // between rows first
        }]);
    }

    /// <summary>The functional groups of a frame: the image it comes from, its numbers and its position.</summary>
    /// <param name="d">Where to.</param>
    /// <param name="k">Slice.</param>
    /// <param name="derivation">How it was made.</param>
    /// <param name="indices">Along the dimensions, from 1.</param>
    public void WriteFrame(DicomElementWriter d, int k, DicomCode derivation, params int[] indices)
    {
        var (sopClass, sopInstance, frame) = source.Slices[k];
        d.Sequence(0x0008, 0x9124, [item =>
        {
            item.Sequence(0x0008, 0x2112, [image => WriteSourceImage(image, sopClass, sopInstance, frame)]);
            item.Code(0x0008, 0x9215, derivation);
        }]);
        var position = DicomPlane.ToRas(source.Geometry.Affine.Apply(new(0, 0, k)));
        d.Sequence(0x0020, 0x9111, [item => item.Longs(0x0020, 0x9157, indices)]);
        d.Sequence(0x0020, 0x9113, [item => item.Decimals(0x0020, 0x0032, position.X, position.Y, position.Z)]);
    }

    private static void WriteSourceImage(DicomElementWriter d, string sopClass, string sopInstance, int? frame)
    {
        d.Text(0x0008, 0x1150, "UI", sopClass);
        d.Text(0x0008, 0x1155, "UI", sopInstance);
        if (frame is { } number)
        {
            d.Integer(0x0008, 0x1160, number);
        }

        d.Code(0x0040, 0xA170, new("121322", "DCM", "Source image for image processing operation"));
    }

    private IEnumerable<(string SopClass, string SopInstance, int? Frame)> Instances() => source.Slices.DistinctBy(s => s.SopInstance);

    /// <summary>At most 64 characters, as LO allows, and no backslash, which divides values.</summary>
    public static string Limited(string text) => (text.Length <= 64 ? text : text[..64]).Replace('\\', '/');

    private void Copy(DicomElementWriter d, ushort group, ushort element, string valueRepresentation) =>
        d.Text(group, element, valueRepresentation, source.Header.Text(new(group, element)) ?? "");
}
