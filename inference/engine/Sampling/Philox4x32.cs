namespace Credence.Inference.Sampling;

/// <summary>The counter-based generator Philox4x32-10: 128 bits of counter and 64 of key give 128 random bits, with no state.</summary>
/// <remarks>Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", doi:10.1145/2063384.2063405, section 3.3.</remarks>
internal static class Philox4x32
{
    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9; // golden ratio
    private const uint Weyl1 = 0xBB67AE85; // square root of 3 - 1
    private const double TwoTo32 = 4294967296.0;

    /// <summary>Computes one block.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block(
        (uint C0, uint C1, uint C2, uint C3) counter, (uint K0, uint K1) key)
    {
        var (c0, c1, c2, c3) = counter;
        var (k0, k1) = key;
        for (var round = 0; round < Rounds; round++)
        {
            var product0 = (ulong)Multiplier0 * c0;
            var product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Two independent standard normal numbers from two words of a block: Box and Muller 1958, doi:10.1214/aoms/1177706645; u = (x + 0.5) / 2^32 is never 0.</summary>
    public static (double Cosine, double Sine) Normal(uint x0, uint x1)
    {
        var radius = Math.Sqrt(-2 * Math.Log((x0 + 0.5) / TwoTo32));
        var (sine, cosine) = Math.SinCos(2 * Math.PI * ((x1 + 0.5) / TwoTo32));
        return (radius * cosine, radius * sine);
    }
}
