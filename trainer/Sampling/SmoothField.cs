using Credence.MedicalIO;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Credence.Trainer.Sampling;

/// <summary>A smooth random function on the voxels of a patch: a tensor product of uniform cubic B-splines with normal coefficients. The same on the host and on a device.</summary>
/// <remarks>Rueckert et al. 1999, doi:10.1109/42.796284 (free-form deformation by cubic B-splines); as augmentation, Çiçek et al. 2016, arXiv:1606.06650, section 2.2.</remarks>
internal sealed class SmoothField
{
    private const int Order = 3; // segments of a cubic share all but one coefficient with the next
    private const double MeanSquareWeight = 151.0 / 315; // of a coefficient along one axis: the cubic B-spline's autocorrelation at 0

    private readonly double[] coefficients; // (cz, cy, cx)
    private readonly double[] alongX; // (W, cx): weights of the coefficients at each voxel
    private readonly double[] alongY;
    private readonly double[] alongZ;
    private readonly Size3 patch;

    /// <summary>Draws the function.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="segments">Pieces along each axis, at least 1; the function bends about as often.</param>
    /// <param name="deviation">Standard deviation of the values, in the mean over the patch.</param>
    /// <param name="seed">Which function.</param>
    public SmoothField(Size3 patch, Size3 segments, double deviation, uint seed)
    {
        this.patch = patch;
        (alongX, alongY, alongZ) = (Weights(patch.Width, segments.Width), Weights(patch.Height, segments.Height), Weights(patch.Depth, segments.Depth));
        var normal = new float[(segments.Width + Order) * (segments.Height + Order) * (segments.Depth + Order)];
        new PhiloxStream(seed).Normal(0, normal);
        var scale = deviation / Math.Pow(MeanSquareWeight, 1.5);
        coefficients = Array.ConvertAll(normal, n => scale * n);
    }

    /// <summary>No value is larger than this, up or down: weights are positive and add up to 1.</summary>
    public double Bound => Math.Abs(TensorPrimitives.MaxMagnitude<double>(coefficients));

    /// <summary>The values on the host.</summary>
    /// <returns>(D, H, W).</returns>
    public double[] Values()
    {
        var (cx, cy, cz) = (alongX.Length / patch.Width, alongY.Length / patch.Height, alongZ.Length / patch.Depth);
        var (rows, planes, values) = (new double[cz * cy * patch.Width], new double[cz * patch.Height * patch.Width], new double[patch.Count]);
        for (var line = 0; line < cz * cy; line++)
        {
            for (var i = 0; i < patch.Width; i++)
            {
                rows[line * patch.Width + i] = TensorPrimitives.Dot<double>(coefficients.AsSpan(line * cx, cx), alongX.AsSpan(i * cx, cx));
            }
        }

        for (var plane = 0; plane < cz; plane++)
        {
            Combine(rows.AsSpan(plane * cy * patch.Width, cy * patch.Width), alongY, planes.AsSpan(plane * patch.Height * patch.Width, patch.Height * patch.Width), patch.Height);
        }

        Combine(planes, alongZ, values, patch.Depth);
        return values;
    }

    /// <summary>The values on a device; those of the host within rounding.</summary>
    /// <param name="device">Where they are computed.</param>
    /// <returns>(D, H, W), float64.</returns>
    public Tensor Values(Device device)
    {
        using var scope = NewDisposeScope();
        var (x, y, z) = (Matrix(alongX, patch.Width), Matrix(alongY, patch.Height), Matrix(alongZ, patch.Depth));
        var grid = tensor(coefficients, [z.shape[1], y.shape[1], x.shape[1]], device: device);
        var planes = y.matmul(grid.matmul(x.t())); // (cz, H, W)
        return z.matmul(planes.flatten(1)).view(patch.Depth, patch.Height, patch.Width).MoveToOuterDisposeScope();

        Tensor Matrix(double[] weights, long edge) => tensor(weights, [edge, weights.Length / edge], device: device);
    }

    /// <summary>Each of the results is a weighted sum of equally long parts of the source.</summary>
    private static void Combine(ReadOnlySpan<double> source, double[] weights, Span<double> target, int results)
    {
        var (count, length) = (weights.Length / results, target.Length / results);
        for (var result = 0; result < results; result++)
        {
            var sum = target.Slice(result * length, length);
            for (var c = 0; c < count; c++)
            {
                if (weights[result * count + c] is var weight and not 0)
                {
                    TensorPrimitives.MultiplyAdd(source.Slice(c * length, length), weight, sum, sum);
                }
            }
        }
    }

    /// <summary>(voxels, coefficients): four weights above 0 a voxel, which add up to 1.</summary>
    private static double[] Weights(int voxels, int segments)
    {
        var weights = new double[voxels * (segments + Order)];
        for (var i = 0; i < voxels; i++)
        {
            var position = voxels == 1 ? 0 : (double)i * segments / (voxels - 1);
            var segment = Math.Min((int)position, segments - 1);
            var t = position - segment;
            double[] four = [(1 - t) * (1 - t) * (1 - t), 3 * t * t * t - 6 * t * t + 4, -3 * t * t * t + 3 * t * t + 3 * t + 1, t * t * t];
            for (var c = 0; c < four.Length; c++)
            {
                weights[i * (segments + Order) + segment + c] = four[c] / 6;
            }
        }

        return weights;
    }
}
