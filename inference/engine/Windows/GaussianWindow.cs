using Credence.MedicalIO;

namespace Credence.Inference.Windows;

/// <summary>Weights of the voxels of a patch: a Gaussian about the centre, so that seams between patches vanish.</summary>
/// <remarks>Source: Isensee et al. 2021 (nnU-Net), supplementary note 6; sigma is an eighth of the edge.</remarks>
internal static class GaussianWindow
{
    private const double SigmaShare = 1.0 / 8;

    /// <summary>Computes the weights.</summary>
    /// <param name="size">Size of the patch.</param>
    /// <returns>(D, H, W), at most 1, all above 0.</returns>
    public static float[] Create(Size3 size)
    {
        var (x, y, z) = (Axis(size.Width), Axis(size.Height), Axis(size.Depth));
        var weights = new float[size.Count];
        var offset = 0;
        foreach (var c in z)
        {
            foreach (var b in y)
            {
                foreach (var a in x)
                {
                    // The corner of a patch has exp(-24); float32 holds that, and it never underflows to 0.
                    weights[offset++] = (float)(a * b * c);
                }
            }
        }

        return weights;
    }

    private static double[] Axis(int edge)
    {
        var (centre, sigma) = ((edge - 1) / 2.0, edge * SigmaShare);
        return [.. Enumerable.Range(0, edge).Select(i => Math.Exp(-0.5 * Math.Pow((i - centre) / sigma, 2)))];
    }
}
