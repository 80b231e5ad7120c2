namespace Credence.Trainer.Sampling;

/// <summary>Standard normal noise by position: voxel v of a seed has one value, on the host and on a device alike.</summary>
internal static class PatchNoise
{
    /// <summary>Adds sigma times the noise.</summary>
    /// <param name="voxels">Changed in place.</param>
    /// <param name="sigma">Standard deviation.</param>
    /// <param name="seed">Which noise.</param>
    public static void Add(Span<float> voxels, double sigma, uint seed)
    {
        var stream = new PhiloxStream(seed);
        Span<double> four = stackalloc double[4];
        for (var first = 0; first < voxels.Length; first += 4)
        {
            stream.Normal((uint)(first / 4), four);
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
    public static Tensor Draw(long count, uint seed, Device device) => new PhiloxStream(seed).Normal(count, device);
}
