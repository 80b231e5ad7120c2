using System.Buffers.Binary;

namespace Credence.MedicalIO.Nifti;

/// <summary>Writes NIfTI headers.</summary>
internal static class NiftiHeaderWriter
{
    private const int LargestEdge = short.MaxValue;
    private const int Millimetres = 2; // NIFTI_UNITS_MM

    /// <summary>Writes a little-endian header: NIfTI-1, or NIfTI-2 where an edge is longer than 32 767 voxels or the line to measured values needs double precision.</summary>
    /// <param name="geometry">Size and affine.</param>
    /// <param name="dataType">Type of the stored voxels.</param>
    /// <param name="slope">See <see cref="NiftiHeader.Slope"/>.</param>
    /// <param name="intercept">See <see cref="NiftiHeader.Slope"/>.</param>
    /// <param name="extensions">Kept behind the header.</param>
    /// <param name="forms">What qform and sform mean.</param>
    /// <returns>Everything before the voxels.</returns>
    public static byte[] Format(VolumeGeometry geometry, NiftiDataType dataType, double slope, double intercept, IReadOnlyList<NiftiExtension> extensions, NiftiForms forms)
    {
        var (size, affine) = geometry;
        var layout = Math.Max(size.Width, Math.Max(size.Height, size.Depth)) > LargestEdge || (float)slope != slope || (float)intercept != intercept ? NiftiLayout.Two : NiftiLayout.One;
        static int Padded(NiftiExtension extension) => (8 + extension.Data.Length + 15) / 16 * 16;
        var length = layout.Size + 4 + extensions.Sum(Padded);
        length = (length + 15) / 16 * 16;
        var bytes = new byte[length];
        void Int16(int at, int value) => BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(at), (short)value);
        void Int32(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(at), value);
        void Int64(int at, long value) => BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(at), value);
        void Dimension(int n, int value)
        {
            if (layout.Version == 1)
            {
                Int16(layout.Dimensions + 2 * n, value);
            }
            else
            {
                Int64(layout.Dimensions + 8 * n, value);
            }
        }

        void Real(int at, int n, double value)
        {
            at += n * layout.Widths.Real;
            if (layout.Version == 1)
            {
                BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(at), (float)value);
            }
            else
            {
                BinaryPrimitives.WriteDoubleLittleEndian(bytes.AsSpan(at), value);
            }
        }

        Int32(0, layout.Size);
        if (layout.Version == 1)
        {
            bytes[38] = (byte)'r'; // "regular", kept for Analyze readers
            "n+1\0"u8.CopyTo(bytes.AsSpan(layout.Magic));
            Real(layout.DataOffset, 0, length);
            bytes[layout.Units] = Millimetres;
        }
        else
        {
            "n+2\0\r\n\x1a\n"u8.CopyTo(bytes.AsSpan(layout.Magic));
            Int64(layout.DataOffset, length);
            Int32(layout.Units, Millimetres);
        }

        int[] dimensions = [3, size.Width, size.Height, size.Depth, 1, 1, 1, 1];
        for (var n = 0; n < dimensions.Length; n++)
        {
            Dimension(n, dimensions[n]);
        }

        Int16(layout.DataType, (int)dataType);
        Int16(layout.BitsPerVoxel, 8 * dataType.Bytes());
        Real(layout.Slope, 0, slope);
        Real(layout.Intercept, 0, intercept);
        "Credence"u8.CopyTo(bytes.AsSpan(layout.Description));

        var (quaternion, handedness) = NiftiQuaternion.From(affine);
        double[] pixelDimensions = [handedness, affine.Spacing.X, affine.Spacing.Y, affine.Spacing.Z];
        for (var n = 0; n < pixelDimensions.Length; n++)
        {
            Real(layout.PixelDimensions, n, pixelDimensions[n]);
        }

        Int16(layout.SformCode, forms.Sform);
        if (quaternion is { } q)
        {
            Int16(layout.QformCode, forms.Qform);
            double[] components = [q.X, q.Y, q.Z];
            double[] origin = [affine.Origin.X, affine.Origin.Y, affine.Origin.Z];
            for (var n = 0; n < 3; n++)
            {
                Real(layout.Quaternion, n, components[n]);
                Real(layout.QuaternionOrigin, n, origin[n]);
            }
        }

        Vector3D[] columns = [affine.ColumnI, affine.ColumnJ, affine.ColumnK, affine.Origin];
        for (var column = 0; column < 4; column++)
        {
            Real(layout.SformRows, column, columns[column].X);
            Real(layout.SformRows, 4 + column, columns[column].Y);
            Real(layout.SformRows, 8 + column, columns[column].Z);
        }

        var at = layout.Size + 4;
        bytes[layout.Size] = (byte)(extensions.Count > 0 ? 1 : 0);
        foreach (var extension in extensions)
        {
            Int32(at, Padded(extension));
            Int32(at + 4, extension.Code);
            extension.Data.Span.CopyTo(bytes.AsSpan(at + 8));
            at += Padded(extension);
        }

        return bytes;
    }
}
