using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>Exact Euclidean distance transform on a grid with any spacing, in time linear in the voxels.</summary>
/// <remarks>
/// One axis after another; along each, the lower envelope of one parabola a voxel. Source: Felzenszwalb and Huttenlocher 2012,
/// "Distance transforms of sampled functions", doi:10.4086/toc.2012.v008a019, algorithm 1, with voxels at multiples of the spacing.
/// </remarks>
internal static class DistanceTransform
{
    /// <summary>mm by which a distance may exceed a limit that it is meant to equal: NIfTI headers hold the spacing in single precision.</summary>
    internal const double SpacingRounding = 1e-4;

    private const int LinesAtOnce = 16; // a cache line holds eight neighbouring doubles: lines across memory are taken in blocks

    /// <summary>Squared distance from each voxel's centre to the centre of the nearest feature voxel.</summary>
    /// <param name="features">(D, H, W); true is a feature.</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="spacing">mm along W, H, D.</param>
    /// <returns>(D, H, W), mm²; infinite everywhere where there is no feature.</returns>
    public static double[] Squared(ReadOnlySpan<bool> features, Size3 size, Vector3D spacing)
    {
        var squared = new double[features.Length];
        for (var start = 0; start < squared.Length; start += size.Width)
        {
            AlongRow(features.Slice(start, size.Width), squared.AsSpan(start, size.Width), spacing.X);
        }

        for (var k = 0; k < size.Depth; k++)
        {
            Across(squared.AsSpan(k * size.Width * size.Height, size.Width * size.Height), size.Width, size.Height, spacing.Y);
        }

        Across(squared, size.Width * size.Height, size.Depth, spacing.Z);
        return squared;
    }

    private static void AlongRow(ReadOnlySpan<bool> features, Span<double> squared, double spacing)
    {
        squared.Fill(double.PositiveInfinity);
        var first = features.IndexOf(true);
        if (first < 0)
        {
            return;
        }

        for (int i = first, nearest = first; i < features.Length; i++)
        {
            nearest = features[i] ? i : nearest;
            squared[i] = Square((i - nearest) * spacing);
        }

        for (int i = features.LastIndexOf(true), nearest = i; i >= 0; i--)
        {
            nearest = features[i] ? i : nearest;
            squared[i] = Math.Min(squared[i], Square((nearest - i) * spacing));
        }
    }

    /// <summary>Transforms all lines of <paramref name="length"/> voxels that lie <paramref name="stride"/> apart in memory.</summary>
    private static void Across(Span<double> squared, int stride, int length, double spacing)
    {
        var block = new double[LinesAtOnce * length];
        var apex = new int[length];
        var border = new double[length + 1];
        for (var start = 0; start < stride; start += LinesAtOnce)
        {
            var lines = Math.Min(LinesAtOnce, stride - start);
            for (var q = 0; q < length; q++)
            {
                var source = squared.Slice(start + q * stride, lines);
                for (var line = 0; line < lines; line++)
                {
                    block[line * length + q] = source[line];
                }
            }

            for (var line = 0; line < lines; line++)
            {
                LowerEnvelope(block.AsSpan(line * length, length), apex, border, spacing);
                for (var q = 0; q < length; q++)
                {
                    squared[start + line + q * stride] = block[line * length + q];
                }
            }
        }
    }

    /// <summary>min over p of (q - p)² + f(p) for every q, in place.</summary>
    private static void LowerEnvelope(Span<double> f, int[] apex, double[] border, double spacing)
    {
        var parabolas = 0;
        for (var q = 0; q < f.Length; q++)
        {
            if (double.IsPositiveInfinity(f[q]))
            {
                continue; // a parabola that starts at infinity is never the lowest
            }

            var from = double.NegativeInfinity; // the new parabola is the lowest from here on
            while (parabolas > 0)
            {
                var p = apex[parabolas - 1];
                from = (f[q] - f[p]) / (2 * spacing * (q - p)) + spacing * (q + p) / 2;
                if (from > border[parabolas - 1])
                {
                    break;
                }

                parabolas--;
                from = double.NegativeInfinity;
            }

            apex[parabolas] = q;
            border[parabolas] = from;
            parabolas++;
        }

        if (parabolas == 0)
        {
            return;
        }

        Span<double> lowest = f.Length <= 1024 ? stackalloc double[f.Length] : new double[f.Length];
        for (int q = 0, n = 0; q < f.Length; q++)
        {
            while (n + 1 < parabolas && border[n + 1] < q * spacing)
            {
                n++;
            }

            lowest[q] = Square((q - apex[n]) * spacing) + f[apex[n]];
        }

        lowest.CopyTo(f);
    }

    private static double Square(double x) => x * x;
}
