using Credence.Inference.Sampling;

namespace Credence.Trainer.Sampling;

/// <summary>Random numbers by position, without a state: block b of a stream has one value, on the host and on a device alike.</summary>
/// <remarks>
/// Philox4x32-10 with b as first word of the counter; normal numbers by Box-Muller. On a device the 32-bit words are held in int64, whose products
/// wrap around at 2^64 as those of unsigned numbers do. Source: Salmon et al. 2011, doi:10.1145/2063384.2063405.
/// </remarks>
/// <param name="Key">The key.</param>
/// <param name="Word1">Second word of the counter.</param>
/// <param name="Word2">Third.</param>
/// <param name="Word3">Fourth.</param>
internal readonly record struct PhiloxStream(ulong Key, uint Word1 = 0, uint Word2 = 0, uint Word3 = 0)
{
    private const double TwoTo32 = 4294967296.0;
    private const long Word = 0xFFFFFFFF;
    private const int Rounds = 10;

    private (uint, uint) HostKey => ((uint)Key, (uint)(Key >> 32));

    /// <summary>The 128 bits of a block.</summary>
    public (uint X0, uint X1, uint X2, uint X3) Bits(uint block) => Philox4x32.Block((block, Word1, Word2, Word3), HostKey);

    /// <summary>Standard normal numbers in a row, computed on the host.</summary>
    /// <param name="block">The first; every block gives four.</param>
    /// <param name="values">Gets them.</param>
    public void Normal(uint block, Span<float> values) => Philox4x32.Normal((block, Word1, Word2, Word3), HostKey, values);

    /// <summary>The first standard normal numbers, computed on a device; those of the host within rounding.</summary>
    /// <param name="count">How many.</param>
    /// <param name="device">Where they are computed.</param>
    /// <returns>(count), float32.</returns>
    public Tensor Normal(long count, Device device)
    {
        using var scope = NewDisposeScope();
        var c0 = arange((count + Philox4x32.BlockLength - 1) / Philox4x32.BlockLength, int64, device);
        var (c1, c2, c3) = (full_like(c0, (long)Word1), full_like(c0, (long)Word2), full_like(c0, (long)Word3));
        var (k0, k1) = ((long)(uint)Key, (long)(Key >> 32));
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

    private static (Tensor Cosine, Tensor Sine) BoxMuller(Tensor x0, Tensor x1)
    {
        var radius = (-2 * ((x0.to(float64) + 0.5) / TwoTo32).log()).sqrt();
        var angle = 2 * Math.PI * ((x1.to(float64) + 0.5) / TwoTo32);
        return (radius * angle.cos(), radius * angle.sin());
    }
}
