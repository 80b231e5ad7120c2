using Credence.Inference.Sampling;

namespace Credence.Trainer.Sampling;

/// <summary>Standard normal noise by position: voxel v of a seed has one value, on the host and on a device alike.</summary>
internal static class PatchNoise
{
    private const int Chunk = 256; // of numbers, in whole blocks

    /// <summary>Adds sigma times the noise.</summary>
    /// <param name="voxels">Changed in place.</param>
    /// <param name="sigma">Standard deviation.</param>
    /// <param name="seed">Which noise.</param>
    public static void Add(Span<float> voxels, double sigma, uint seed)
    {
        var stream = new PhiloxStream(seed);
        Span<float> noise = stackalloc float[Chunk];
        for (var first = 0; first < voxels.Length; first += Chunk)
        {
            stream.Normal((uint)(first / Philox4x32.BlockLength), noise);
            for (var n = 0; n < Math.Min(Chunk, voxels.Length - first); n++)
            {
                voxels[first + n] += (float)(sigma * noise[n]);
            }
        }
    }

    /// <summary>The noise of the first voxels.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Which noise.</param>
    /// <param name="device">Where it is computed.</param>
    /// <returns>(count), float32.</returns>
    public static Tensor Draw(long count, uint seed, Device device) => new PhiloxStream(seed).Normal(count, device);
}
