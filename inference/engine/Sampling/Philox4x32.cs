using System.Runtime.Intrinsics;

namespace Credence.Inference.Sampling;

/// <summary>The counter-based generator Philox4x32-10: 128 bits of counter and 64 of key give 128 random bits, with no state.</summary>
/// <remarks>
/// Four blocks are computed at a time, each word in a lane of 64 bits, which the products fill.
/// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", doi:10.1145/2063384.2063405, section 3.3.
/// </remarks>
internal static class Philox4x32
{
    /// <summary>Numbers a block gives.</summary>
    public const int BlockLength = 4;

    private const int Lanes = 4;
    private const int Rounds = 10;
    private const ulong Multiplier0 = 0xD2511F53;
    private const ulong Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9; // golden ratio
    private const uint Weyl1 = 0xBB67AE85; // square root of 3 - 1
    private const double TwoTo32 = 4294967296.0;

    /// <summary>Computes one block.</summary>
    public static (uint X0, uint X1, uint X2, uint X3) Block((uint C0, uint C1, uint C2, uint C3) counter, (uint K0, uint K1) key)
    {
        var (x0, x1, x2, x3) = Blocks(counter, key);
        return ((uint)x0[0], (uint)x1[0], (uint)x2[0], (uint)x3[0]);
    }

    /// <summary>Standard normal numbers, four of each block, by Box and Muller 1958, doi:10.1214/aoms/1177706645; u = (x + 0.5) / 2^32 is never 0.</summary>
    /// <param name="counter">Of the first block; its first word counts on.</param>
    /// <param name="key">The key.</param>
    /// <param name="values">Gets them.</param>
    public static void Normal((uint C0, uint C1, uint C2, uint C3) counter, (uint K0, uint K1) key, Span<float> values)
    {
        Span<double> byWord = stackalloc double[BlockLength * Lanes];
        Span<float> byBlock = stackalloc float[BlockLength * Lanes];
        for (var first = 0; first < values.Length; first += byBlock.Length)
        {
            var (x0, x1, x2, x3) = Blocks(counter with { C0 = counter.C0 + (uint)(first / BlockLength) }, key);
            BoxMuller(x0, x1, byWord);
            BoxMuller(x2, x3, byWord[(2 * Lanes)..]);
            for (var n = 0; n < byBlock.Length; n++)
            {
                byBlock[n] = (float)byWord[n % BlockLength * Lanes + n / BlockLength];
            }

            byBlock[..Math.Min(byBlock.Length, values.Length - first)].CopyTo(values[first..]);
        }
    }

    /// <summary>The words of four blocks in a row, a block a lane.</summary>
    private static (Vector256<ulong> X0, Vector256<ulong> X1, Vector256<ulong> X2, Vector256<ulong> X3) Blocks((uint C0, uint C1, uint C2, uint C3) counter, (uint K0, uint K1) key)
    {
        var word = Vector256.Create((ulong)uint.MaxValue);
        var c0 = (Vector256.Create((ulong)counter.C0) + Vector256.Create(0ul, 1, 2, 3)) & word;
        var (c1, c2, c3) = (Vector256.Create((ulong)counter.C1), Vector256.Create((ulong)counter.C2), Vector256.Create((ulong)counter.C3));
        var (k0, k1) = key;
        for (var round = 0; round < Rounds; round++)
        {
            var (product0, product1) = (c0 * Multiplier0, c2 * Multiplier1);
            (c0, c1, c2, c3) = ((product1 >> 32) ^ c1 ^ Vector256.Create((ulong)k0), product1 & word, (product0 >> 32) ^ c3 ^ Vector256.Create((ulong)k1), product0 & word);
            k0 += Weyl0;
            k1 += Weyl1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Two independent standard normal numbers a lane: the cosines, then the sines.</summary>
    private static void BoxMuller(Vector256<ulong> x0, Vector256<ulong> x1, Span<double> pairs)
    {
        var radius = Vector256.Sqrt(-2 * Vector256.Log(Uniform(x0)));
        var (sine, cosine) = Vector256.SinCos(2 * Math.PI * Uniform(x1));
        (radius * cosine).CopyTo(pairs);
        (radius * sine).CopyTo(pairs[Lanes..]);

        static Vector256<double> Uniform(Vector256<ulong> x) => (Vector256.ConvertToDouble(x) + Vector256.Create(0.5)) / TwoTo32;
    }
}
