using Credence.Inference.Sampling;

namespace Credence.Trainer.Sampling;

/// <summary>Standard normal noise by position: voxel v of a seed has one value, on the host and on a device alike.</summary>
/// <remarks>
/// Philox4x32-10 with the seed as key and v / 4 as counter, then Box-Muller; on a device the 32-bit words are held in int64, whose products
/// wrap around at 2^64 as those of unsigned numbers do. Source: Salmon et al. 2011, doi:10.1145/2063384.2063405.
/// </remarks>
internal static class PatchNoise
{
    private const double TwoTo32 = 4294967296.0;
    private const long Word = 0xFFFFFFFF;
    private const int Rounds = 10;

    /// <summary>Adds sigma times the noise.</summary>
    /// <param name="voxels">Changed in place.</param>
    /// <param name="sigma">Standard deviation.</param>
    /// <param name="seed">Which noise.</param>
    public static void Add(Span<float> voxels, double sigma, uint seed)
    {
        Span<double> four = stackalloc double[4];
        for (var first = 0; first < voxels.Length; first += 4)
        {
            var (x0, x1, x2, x3) = Philox4x32.Block(((uint)(first / 4), 0, 0, 0), (seed, 0));
            (four[0], four[1]) = BoxMuller(x0, x1);
            (four[2], four[3]) = BoxMuller(x2, x3);
            for (var n = 0; n < 4 && first + n < voxels.Length; n++)
            {
                voxels[first + n] += (float)(sigma * four[n]);
            }
        }
    }

    /// <summary>The noise of the first voxels.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Which noise.</param>
    /// <param name="device">Where it is computed.</param>
    /// <returns>(count), float32.</returns>
    public static Tensor Draw(long count, uint seed, Device device)
    {
        using var scope = NewDisposeScope();
        var c0 = arange((count + 3) / 4, int64, device);
        var (c1, c2, c3) = (zeros_like(c0), zeros_like(c0), zeros_like(c0));
        var (k0, k1) = ((long)seed, 0L);
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = c0 * 0xD2511F53;
            var product1 = c2 * 0xCD9E8D57;
            (c0, c1, c2, c3) = (High(product1).bitwise_xor(c1).bitwise_xor(tensor(k0, device: device)), Low(product1),
                High(product0).bitwise_xor(c3).bitwise_xor(tensor(k1, device: device)), Low(product0));
            (k0, k1) = ((k0 + 0x9E3779B9) & Word, (k1 + 0xBB67AE85) & Word);
        }

        var (a, b) = BoxMuller(c0, c1);
        var (c, d) = BoxMuller(c2, c3);
        return stack([a, b, c, d], dim: 1).flatten()[..(int)count].to(float32).MoveToOuterDisposeScope();

        Tensor Low(Tensor product) => product.bitwise_and(tensor(Word, device: device));
        Tensor High(Tensor product) => Low(product.bitwise_right_shift(tensor(32L, device: device))); // the shift copies the sign bit
    }

    private static (double Cosine, double Sine) BoxMuller(uint x0, uint x1)
    {
        var radius = Math.Sqrt(-2 * Math.Log((x0 + 0.5) / TwoTo32));
        var (sine, cosine) = Math.SinCos(2 * Math.PI * ((x1 + 0.5) / TwoTo32));
        return (radius * cosine, radius * sine);
    }

    private static (Tensor Cosine, Tensor Sine) BoxMuller(Tensor x0, Tensor x1)
    {
        var radius = (-2 * ((x0.to(float64) + 0.5) / TwoTo32).log()).sqrt();
        var angle = 2 * Math.PI * ((x1.to(float64) + 0.5) / TwoTo32);
        return (radius * angle.cos(), radius * angle.sin());
    }
}
