using System.Buffers.Binary;
using System.Globalization;

namespace Credence.MedicalIO.Dicom;

/// <summary>Writes a volume as an uncompressed MR image series, one file a slice.</summary>
/// <remarks>Source: DICOM PS3.3 (2026), section A.4 (MR Image IOD); PS3.10, section 7.1 (file meta information).</remarks>
public static class DicomSeriesWriter
{
    private const string MrImageStorage = "1.2.840.10008.5.1.4.1.1.4";

    /// <summary>Writes the series. Stored values are unsigned 16-bit with RescaleSlope and RescaleIntercept, so that the error is at most half a step
    /// of 1/65535 of the range; whole numbers from 0 to 65535 are stored as they are.</summary>
    /// <param name="folder">Created when missing; files are named <c>0001.dcm</c> and so on.</param>
    /// <param name="volume">Orthogonal axes; k is the slice. All voxels finite.</param>
    /// <param name="info">Names and UIDs.</param>
    /// <exception cref="ArgumentException">The axes are not orthogonal, or a voxel is not finite.</exception>
    public static void Write(string folder, Volume volume, DicomSeriesInfo info)
    {
        var (size, affine) = volume.Geometry;
        var spacing = affine.Spacing;
        var (row, column) = (1 / spacing.X * affine.ColumnI, 1 / spacing.Y * affine.ColumnJ);
        if (Math.Abs(row.Dot(column)) > 1e-4 || Math.Abs(row.Cross(column).Dot(1 / spacing.Z * affine.ColumnK)) < 1 - 1e-4)
        {
            throw new ArgumentException("The axes of the volume are not orthogonal; resample it first.", nameof(volume));
        }

        var (slope, intercept) = Scaling(volume.Voxels);
        Directory.CreateDirectory(folder);
        var pixels = size.Width * size.Height;
        for (var k = 0; k < size.Depth; k++)
        {
            var instance = DicomUid.From($"{info.UidSeed}/instance/{k}");
            var stored = new byte[2 * pixels];
            for (var n = 0; n < pixels; n++)
            {
                var value = Math.Clamp(Math.Round((volume.Voxels[k * pixels + n] - intercept) / slope), 0, ushort.MaxValue);
                BinaryPrimitives.WriteUInt16LittleEndian(stored.AsSpan(2 * n), (ushort)value);
            }

            DicomElementWriter.WriteFile(Path.Combine(folder, $"{k + 1:D4}.dcm"), MrImageStorage, instance,
                Dataset(info, instance, k, volume.Geometry, row, column, slope, intercept, stored));
        }
    }

    private static DicomElementWriter Dataset(
        DicomSeriesInfo info, string instance, int slice, VolumeGeometry geometry, Vector3D row, Vector3D column, double slope, double intercept, byte[] pixels)
    {
        var date = info.Date.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        var (rowLps, columnLps) = (DicomPlane.ToRas(row), DicomPlane.ToRas(column)); // the change of sign is its own inverse
        var position = DicomPlane.ToRas(geometry.Affine.Apply(new(0, 0, slice)));
        var spacing = geometry.Spacing;

        var d = new DicomElementWriter();
        d.Text(0x0008, 0x0005, "CS", "ISO_IR 192");
        d.Text(0x0008, 0x0008, "CS", @"DERIVED\SECONDARY\OTHER");
        d.Text(0x0008, 0x0016, "UI", MrImageStorage);
        d.Text(0x0008, 0x0018, "UI", instance);
        d.Text(0x0008, 0x0020, "DA", date);
        d.Text(0x0008, 0x0021, "DA", date);
        d.Text(0x0008, 0x0030, "TM", "120000");
        d.Text(0x0008, 0x0031, "TM", "120000");
        d.Text(0x0008, 0x0050, "SH", "");
        d.Text(0x0008, 0x0060, "CS", "MR");
        d.Text(0x0008, 0x0070, "LO", "Credence");
        d.Text(0x0008, 0x0090, "PN", "");
        d.Text(0x0008, 0x103E, "LO", info.Description);
        d.Text(0x0008, 0x1090, "LO", "Credence");
        d.Text(0x0010, 0x0010, "PN", info.Patient);
        d.Text(0x0010, 0x0020, "LO", info.Patient);
        d.Text(0x0010, 0x0030, "DA", "");
        d.Text(0x0010, 0x0040, "CS", "");
        d.Text(0x0018, 0x0020, "CS", "RM");
        d.Text(0x0018, 0x0021, "CS", "NONE");
        d.Text(0x0018, 0x0022, "CS", "");
        d.Text(0x0018, 0x0023, "CS", "3D");
        d.Decimals(0x0018, 0x0050, spacing.Z);
        d.Text(0x0018, 0x0080, "DS", "");
        d.Text(0x0018, 0x0081, "DS", "");
        d.Decimals(0x0018, 0x0088, spacing.Z);
        d.Text(0x0018, 0x0091, "IS", "");
        d.Text(0x0018, 0x5100, "CS", "HFS");
        d.Text(0x0020, 0x000D, "UI", DicomUid.From($"{info.UidSeed}/study"));
        d.Text(0x0020, 0x000E, "UI", DicomUid.From($"{info.UidSeed}/series"));
        d.Text(0x0020, 0x0010, "SH", "1");
        d.Text(0x0020, 0x0011, "IS", "1");
        d.Text(0x0020, 0x0013, "IS", (slice + 1).ToString(CultureInfo.InvariantCulture));
        d.Decimals(0x0020, 0x0032, position.X, position.Y, position.Z);
        d.Decimals(0x0020, 0x0037, rowLps.X, rowLps.Y, rowLps.Z, columnLps.X, columnLps.Y, columnLps.Z);
        d.Text(0x0020, 0x0052, "UI", DicomUid.From($"{info.UidSeed}/frame"));
        d.Text(0x0020, 0x0060, "CS", "");
        d.Text(0x0020, 0x1040, "LO", "");
        d.Number(0x0028, 0x0002, 1);
        d.Text(0x0028, 0x0004, "CS", "MONOCHROME2");
        d.Number(0x0028, 0x0010, geometry.Size.Height);
        d.Number(0x0028, 0x0011, geometry.Size.Width);
        d.Decimals(0x0028, 0x0030, spacing.Y, spacing.X); // between rows first
        d.Number(0x0028, 0x0100, 16);
        d.Number(0x0028, 0x0101, 16);
        d.Number(0x0028, 0x0102, 15);
        d.Number(0x0028, 0x0103, 0);
        if (slope != 1 || intercept != 0)
        {
            d.Decimals(0x0028, 0x1052, intercept);
            d.Decimals(0x0028, 0x1053, slope);
            d.Text(0x0028, 0x1054, "LO", "US");
        }

        d.Bytes(0x7FE0, 0x0010, "OW", pixels, 0);
        return d;
    }

    private static (double Slope, double Intercept) Scaling(float[] voxels)
    {
        var (low, high, isWhole) = (double.PositiveInfinity, double.NegativeInfinity, true);
        foreach (var v in voxels)
        {
            if (!float.IsFinite(v))
            {
                throw new ArgumentException("A voxel that is not finite cannot be stored in DICOM; replace it first.", nameof(voxels));
            }

            (low, high) = (Math.Min(low, v), Math.Max(high, v));
            isWhole &= v == MathF.Round(v);
        }

        return isWhole && low >= 0 && high <= ushort.MaxValue ? (1, 0) : (high > low ? Rounded((high - low) / ushort.MaxValue) : 1, Rounded(low));

        // As a reader will see it: DS holds 16 characters.
        static double Rounded(double value) => double.Parse(value.ToString("G9", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
    }
}
