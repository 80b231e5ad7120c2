using System.Numerics;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO;

/// <summary>A volume as a sum of cubic B-splines that passes through its voxels; mirrored at the border.</summary>
/// <remarks>Source: Unser, Aldroubi and Eden 1993, doi:10.1109/78.193220 (prefilter); Unser 1999, doi:10.1109/79.799930, box 2 (initial values).</remarks>
internal sealed class CubicSpline
{
    /// <summary>How far from a position voxels matter: two for the spline, and 16 after which a voxel's share in a coefficient is 0.27^16, below 1e-9.</summary>
    public const int Reach = 18;

    private const int Lanes = 16; // lines that are filtered side by side: one cache line
    private static readonly double Pole = Math.Sqrt(3) - 2;

    private readonly Volume volume;
    private readonly Size3 size; // of the whole volume
    private readonly bool[] isSmooth = new bool[3]; // by axis; the others are linear
    private readonly float[] coefficients; // of one part after the other
    private VoxelBox part;

    /// <summary>Makes room for coefficients.</summary>
    /// <param name="volume">Passed through by the splines.</param>
    /// <param name="largestPart">Voxels of the largest part that will be asked for.</param>
    /// <param name="anisotropyThreshold">Axes with a spacing of more than this times the smallest are interpolated linearly.</param>
    public CubicSpline(Volume volume, long largestPart, double anisotropyThreshold)
    {
        (this.volume, size, coefficients) = (volume, volume.Geometry.Size, GC.AllocateUninitializedArray<float>((int)largestPart));
        var spacing = volume.Geometry.Spacing;
        var limit = anisotropyThreshold * Math.Min(spacing.X, Math.Min(spacing.Y, spacing.Z));
        (isSmooth[0], isSmooth[1], isSmooth[2]) = (spacing.X <= limit && size.Width > 1, spacing.Y <= limit && size.Height > 1, spacing.Z <= limit && size.Depth > 1);
    }

    /// <summary>Computes the coefficients of a part of the volume.</summary>
    /// <param name="box">Holds every voxel within <see cref="Reach"/> of a position that is asked for next.</param>
    public void Prepare(VoxelBox box)
    {
        part = box;
        var (width, height, depth) = box.Size;
        var plane = width * height;
        Parallel.For(0, depth, () => new double[Lanes * Math.Max(width, height)], (k, _, lines) =>
        {
            for (var j = 0; j < height; j++)
            {
                var row = box.I + (long)size.Width * (box.J + j + (long)size.Height * (box.K + k));
                volume.Voxels.AsSpan((int)row, width).CopyTo(coefficients.AsSpan(k * plane + j * width));
            }

            for (var j = 0; j < height && isSmooth[0]; j += Lanes)
            {
                Prefilter(k * plane + j * width, Math.Min(Lanes, height - j), width, width, 1, lines);
            }

            for (var i = 0; i < width && isSmooth[1]; i += Lanes)
            {
                Prefilter(k * plane + i, Math.Min(Lanes, width - i), 1, height, width, lines);
            }

            return lines;
        }, _ => { });
        Parallel.For(0, isSmooth[2] ? height : 0, () => new double[Lanes * depth], (j, _, lines) =>
        {
            for (var i = 0; i < width; i += Lanes)
            {
                Prefilter(j * width + i, Math.Min(Lanes, width - i), 1, depth, plane, lines);
            }

            return lines;
        }, _ => { });
    }

    /// <summary>The value at a fractional index inside the volume.</summary>
    public float At(Vector3D index)
    {
        Span<double> weights = stackalloc double[12];
        Span<int> offsets = stackalloc int[12];
        Weigh(index.X, size.Width, part.I, 1, isSmooth[0], weights[..4], offsets[..4]);
        Weigh(index.Y, size.Height, part.J, part.Size.Width, isSmooth[1], weights[4..8], offsets[4..8]);
        Weigh(index.Z, size.Depth, part.K, part.Size.Width * part.Size.Height, isSmooth[2], weights[8..], offsets[8..]);
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

    /// <summary>Weights and offsets of the four coefficients about a position along one axis, on which the part begins at <paramref name="start"/>.</summary>
    private static void Weigh(double position, int edge, int start, int step, bool isSmooth, Span<double> weights, Span<int> offsets)
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
            offsets[n] = (Mirror(first - 1 + n, edge) - start) * step;
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

    /// <summary>Turns the values of neighbouring lines into coefficients: one pass up, one down.</summary>
    /// <param name="start">First value of the first line.</param>
    /// <param name="count">Lines, at most 16.</param>
    /// <param name="lineStep">From line to line.</param>
    /// <param name="edge">Values of a line.</param>
    /// <param name="step">From value to value.</param>
    /// <param name="lines">Room for 16 lines.</param>
    private void Prefilter(int start, int count, int lineStep, int edge, int step, double[] lines)
    {
        for (var n = 0; n < edge; n++)
        {
            for (var line = 0; line < count; line++)
            {
                lines[Lanes * n + line] = 6 * coefficients[start + line * lineStep + n * step]; // the gain (1 - z)(1 - 1/z)
            }
        }

        var vectors = Lanes / Vector<double>.Count;
        for (var v = 0; v < vectors; v++)
        {
            var c = new Column(MemoryMarshal.Cast<double, Vector<double>>(lines.AsSpan())[v..], vectors);
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
        }

        for (var n = 0; n < edge; n++)
        {
            for (var line = 0; line < count; line++)
            {
                coefficients[start + line * lineStep + n * step] = (float)lines[Lanes * n + line];
            }
        }
    }

    /// <summary>The sum of the mirrored signal to the left of its first value, weighted by powers of the pole.</summary>
    private static Vector<double> Initial(Column values, int edge)
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

    /// <summary>The n-th values of some lines side by side.</summary>
    private readonly ref struct Column(Span<Vector<double>> values, int step)
    {
        private readonly Span<Vector<double>> values = values;

        public ref Vector<double> this[int n] => ref values[n * step];
    }
}
