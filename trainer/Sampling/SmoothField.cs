using Credence.MedicalIO;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Credence.Trainer.Sampling;

/// <summary>Smooth random functions on the voxels of a patch: tensor products of uniform cubic B-splines whose coefficients are normal numbers.</summary>
/// <remarks>Rueckert et al. 1999, doi:10.1109/42.796284 (free-form deformation by cubic B-splines).</remarks>
internal static class SmoothField
{
    private const int Order = 3; // neighbouring segments of a cubic share as many coefficients
    private const double MeanSquareWeight = 151.0 / 315; // sum of the squared weights at a place, in the mean over places: the B-spline's autocorrelation at 0

    /// <summary>Draws a function.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="segments">Cubic pieces along each axis, at least 1; the function bends about as often.</param>
    /// <param name="deviation">Standard deviation of the values over functions, in the mean over the patch.</param>
    /// <param name="seed">Which function.</param>
    /// <returns>(D, H, W).</returns>
    public static double[] Values(Size3 patch, Size3 segments, double deviation, uint seed)
    {
        var normal = new float[(segments.Width + Order) * (segments.Height + Order) * (segments.Depth + Order)];
        new PhiloxStream(seed).Normal(0, normal);
        var scale = deviation / Math.Pow(MeanSquareWeight, 1.5);
        var coefficients = Array.ConvertAll(normal, n => scale * n); // (cz, cy, cx)
        var alongX = Combine(coefficients, Weights(patch.Width, segments.Width), patch.Width, stride: 1);
        var alongY = Combine(alongX, Weights(patch.Height, segments.Height), patch.Height, stride: patch.Width);
        return Combine(alongY, Weights(patch.Depth, segments.Depth), patch.Depth, stride: patch.Width * patch.Height);
    }

    /// <summary>Along one axis, the values at the voxels from the coefficients.</summary>
    /// <param name="source">(outer, coefficients, stride).</param>
    /// <param name="weights">(voxels, coefficients).</param>
    /// <param name="voxels">Voxels along the axis.</param>
    /// <param name="stride">Numbers that lie together.</param>
    /// <returns>(outer, voxels, stride).</returns>
    private static double[] Combine(double[] source, double[] weights, int voxels, int stride)
    {
        var count = weights.Length / voxels;
        var outer = source.Length / count / stride;
        var target = new double[outer * voxels * stride];
        for (var o = 0; o < outer; o++)
        {
            for (var v = 0; v < voxels; v++)
            {
                var sum = target.AsSpan((o * voxels + v) * stride, stride);
                for (var c = 0; c < count; c++)
                {
                    if (weights[v * count + c] is var weight and not 0)
                    {
                        TensorPrimitives.MultiplyAdd(source.AsSpan((o * count + c) * stride, stride), weight, sum, sum);
                    }
                }
            }
        }

        return target;
    }

    /// <summary>(voxels, coefficients): at most four weights a voxel, which add up to 1. First and last voxel are the ends of the first and last segment.</summary>
    private static double[] Weights(int voxels, int segments)
    {
        var count = segments + Order;
        var weights = new double[voxels * count];
        for (var v = 0; v < voxels; v++)
        {
            var position = voxels == 1 ? 0 : (double)v * segments / (voxels - 1);
            var segment = Math.Min((int)position, segments - 1);
            var t = position - segment;
            double[] four = [(1 - t) * (1 - t) * (1 - t), 3 * t * t * t - 6 * t * t + 4, -3 * t * t * t + 3 * t * t + 3 * t + 1, t * t * t];
            for (var c = 0; c < four.Length; c++)
            {
                weights[v * count + segment + c] = four[c] / 6;
            }
        }

        return weights;
    }
}
