namespace Credence.MedicalIO;

/// <summary>A volume as a sum of cubic B-splines that passes through its voxels; mirrored at the border.</summary>
/// <remarks>Source: Unser, Aldroubi and Eden 1993, doi:10.1109/78.193220 (prefilter); Unser 1999, doi:10.1109/79.799930, box 2 (initial values).</remarks>
internal sealed class CubicSpline
{
    private static readonly double Pole = Math.Sqrt(3) - 2;

    private readonly Size3 size;
    private readonly bool[] isSmooth = new bool[3]; // by axis; the others are linear
    private readonly float[] coefficients;

    /// <summary>Computes the coefficients.</summary>
    /// <param name="volume">Passed through by the splines.</param>
    /// <param name="anisotropyThreshold">Axes with a spacing of more than this times the smallest are interpolated linearly.</param>
    public CubicSpline(Volume volume, double anisotropyThreshold)
    {
        (size, coefficients) = (volume.Geometry.Size, (float[])volume.Voxels.Clone());
        var spacing = volume.Geometry.Spacing;
        var limit = anisotropyThreshold * Math.Min(spacing.X, Math.Min(spacing.Y, spacing.Z));
        (int Edge, int Step, double Spacing)[] axes = [(size.Width, 1, spacing.X), (size.Height, size.Width, spacing.Y), (size.Depth, size.Width * size.Height, spacing.Z)];
        for (var axis = 0; axis < 3; axis++)
        {
            isSmooth[axis] = axes[axis].Spacing <= limit && axes[axis].Edge > 1;
            if (isSmooth[axis])
            {
                Prefilter(axes[axis].Edge, axes[axis].Step);
            }
        }
    }

    /// <summary>The value at a fractional index inside the volume.</summary>
    public float At(Vector3D index)
    {
        Span<double> weights = stackalloc double[12];
        Span<int> offsets = stackalloc int[12];
        Weigh(index.X, size.Width, 1, isSmooth[0], weights[..4], offsets[..4]);
        Weigh(index.Y, size.Height, size.Width, isSmooth[1], weights[4..8], offsets[4..8]);
        Weigh(index.Z, size.Depth, size.Width * size.Height, isSmooth[2], weights[8..], offsets[8..]);
        var sum = 0.0;
        for (var z = 8; z < 12; z++)
        {
            if (weights[z] == 0)
            {
                continue;
            }

            var plane = 0.0;
            for (var y = 4; y < 8; y++)
            {
                if (weights[y] == 0)
                {
                    continue;
                }

                var at = offsets[z] + offsets[y];
                plane += weights[y] * (weights[0] * coefficients[at + offsets[0]] + weights[1] * coefficients[at + offsets[1]]
                    + weights[2] * coefficients[at + offsets[2]] + weights[3] * coefficients[at + offsets[3]]);
            }

            sum += weights[z] * plane;
        }

        return (float)sum;
    }

    /// <summary>Weights and offsets of the four coefficients about a position along one axis.</summary>
    private static void Weigh(double position, int edge, int step, bool isSmooth, Span<double> weights, Span<int> offsets)
    {
        var first = (int)Math.Floor(position);
        var t = position - first;
        if (isSmooth)
        {
            var u = 1 - t;
            weights[0] = u * u * u / 6;
            weights[1] = 2.0 / 3 - t * t * (2 - t) / 2;
            weights[2] = 2.0 / 3 - u * u * (2 - u) / 2;
            weights[3] = t * t * t / 6;
        }
        else
        {
            (weights[0], weights[1], weights[2], weights[3]) = (0, 1 - t, t, 0);
        }

        for (var n = 0; n < 4; n++)
        {
            offsets[n] = Mirror(first - 1 + n, edge) * step;
        }
    }

    /// <summary>Whole-sample mirroring: ... 2 1 0 1 2 ... n-2 n-1 n-2 ...</summary>
    private static int Mirror(int index, int edge)
    {
        if (edge == 1)
        {
            return 0;
        }

        var period = 2 * (edge - 1);
        index = Math.Abs(index) % period;
        return index < edge ? index : period - index;
    }

    /// <summary>Turns values along one axis into coefficients: one pass up, one down.</summary>
    private void Prefilter(int edge, int step)
    {
        var lines = coefficients.Length / edge;
        Parallel.For(0, lines, () => new double[edge], (line, _, c) =>
        {
            var start = line / step * step * edge + line % step;
            for (var n = 0; n < edge; n++)
            {
                c[n] = 6 * coefficients[start + n * step]; // the gain (1 - z)(1 - 1/z)
            }

            c[0] = Initial(c, edge);
            for (var n = 1; n < edge; n++)
            {
                c[n] += Pole * c[n - 1];
            }

            c[edge - 1] = Pole / (Pole * Pole - 1) * (c[edge - 1] + Pole * c[edge - 2]);
            for (var n = edge - 2; n >= 0; n--)
            {
                c[n] = Pole * (c[n + 1] - c[n]);
            }

            for (var n = 0; n < edge; n++)
            {
                coefficients[start + n * step] = (float)c[n];
            }

            return c;
        }, _ => { });
    }

    /// <summary>The sum of the mirrored signal to the left of its first value, weighted by powers of the pole.</summary>
    private static double Initial(double[] values, int edge)
    {
        var (power, sum) = (Pole, values[0] + Math.Pow(Pole, edge - 1) * values[edge - 1]);
        var back = Math.Pow(Pole, 2 * edge - 3);
        for (var n = 1; n < edge - 1; n++)
        {
            sum += (power + back) * values[n];
            power *= Pole;
            back /= Pole;
        }

        return sum / (1 - Math.Pow(Pole, 2 * edge - 2));
    }
}
