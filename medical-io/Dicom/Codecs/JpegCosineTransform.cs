namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>The inverse cosine transform of JPEG.</summary>
/// <remarks>
/// Source: Loeffler, Ligtenberg and Moschytz 1989, doi:10.1109/ICASSP.1989.266596, in integers of 13 bits with the rounding of the Independent JPEG
/// Group's "islow", so that pixels equal those of other medical software.
/// </remarks>
internal static class JpegCosineTransform
{
    /// <summary>The inverse cosine transform, in place: columns, then rows.</summary>
    /// <param name="block">64 coefficients, row by row; then values about 0.</param>
    /// <param name="precision">Bits of the values: 8 or 12.</param>
    public static void Transform(Span<int> block, int precision)
    {
        var extra = precision == 8 ? 2 : 1; // bits kept between the passes
        for (var x = 0; x < 8; x++)
        {
            Transform(block, x, 8, 13 - extra);
        }

        for (var y = 0; y < 8; y++)
        {
            Transform(block, 8 * y, 1, 13 + extra + 3);
        }
    }

    private static void Transform(Span<int> v, int at, int step, int shift)
    {
        // Constants are cosines of multiples of pi/16 in 13 bits, with the names of the paper's figure left out.
        long even2 = v[at + 2 * step], even6 = v[at + 6 * step], even0 = v[at], even4 = v[at + 4 * step];
        var rotated = (even2 + even6) * 4433;
        var (t2, t3) = (rotated - even6 * 15137, rotated + even2 * 6270);
        var (t0, t1) = ((even0 + even4) << 13, (even0 - even4) << 13);
        var (s0, s3, s1, s2) = (t0 + t3, t0 - t3, t1 + t2, t1 - t2);

        long odd7 = v[at + 7 * step], odd5 = v[at + 5 * step], odd3 = v[at + 3 * step], odd1 = v[at + step];
        var z5 = (odd7 + odd3 + odd5 + odd1) * 9633;
        var (z1, z2) = ((odd7 + odd1) * -7373, (odd5 + odd3) * -20995);
        var (z3, z4) = ((odd7 + odd3) * -16069 + z5, (odd5 + odd1) * -3196 + z5);
        var (o0, o1, o2, o3) = (odd7 * 2446 + z1 + z3, odd5 * 16819 + z2 + z4, odd3 * 25172 + z2 + z3, odd1 * 12299 + z1 + z4);

        var half = 1L << (shift - 1);
        v[at] = (int)((s0 + o3 + half) >> shift);
        v[at + 7 * step] = (int)((s0 - o3 + half) >> shift);
        v[at + step] = (int)((s1 + o2 + half) >> shift);
        v[at + 6 * step] = (int)((s1 - o2 + half) >> shift);
        v[at + 2 * step] = (int)((s2 + o1 + half) >> shift);
        v[at + 5 * step] = (int)((s2 - o1 + half) >> shift);
        v[at + 3 * step] = (int)((s3 + o0 + half) >> shift);
        v[at + 4 * step] = (int)((s3 - o0 + half) >> shift);
    }
}
