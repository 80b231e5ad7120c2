namespace Credence.Trainer.Sampling;

/// <summary>Noise, brightness and gamma on one channel of a patch.</summary>
internal static class IntensityAugmentation
{
    /// <summary>Varies the voxels in place.</summary>
    /// <param name="voxels">One channel of one patch, normalised.</param>
    /// <param name="options">Probabilities and ranges.</param>
    /// <param name="random">Source of the draw.</param>
    public static void Apply(Span<float> voxels, AugmentationOptions options, Random random)
    {
        if (random.NextDouble() < options.NoiseProbability)
        {
            AddNoise(voxels, random.NextDouble() * options.MaximumNoise, random);
        }

        if (random.NextDouble() < options.BrightnessProbability)
        {
            var factor = (float)(1 + (2 * random.NextDouble() - 1) * options.MaximumBrightness);
            foreach (ref var v in voxels)
            {
                v *= factor;
            }
        }

        if (random.NextDouble() < options.GammaProbability)
        {
            ApplyGamma(voxels, options.MinimumGamma * Math.Pow(options.MaximumGamma / options.MinimumGamma, random.NextDouble()));
        }
    }

    /// <summary>Box-Muller, both values of each pair used.</summary>
    private static void AddNoise(Span<float> voxels, double sigma, Random random)
    {
        for (var n = 0; n < voxels.Length; n += 2)
        {
            var radius = sigma * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            var (sin, cos) = Math.SinCos(2 * Math.PI * random.NextDouble());
            voxels[n] += (float)(radius * cos);
            if (n + 1 < voxels.Length)
            {
                voxels[n + 1] += (float)(radius * sin);
            }
        }
    }

    /// <summary>x → ((x − min) / range)^γ, then brought back to the mean and standard deviation that the patch had.</summary>
    private static void ApplyGamma(Span<float> voxels, double gamma)
    {
        var (minimum, maximum) = (float.MaxValue, float.MinValue);
        foreach (var v in voxels)
        {
            (minimum, maximum) = (Math.Min(minimum, v), Math.Max(maximum, v));
        }

        var range = maximum - minimum;
        if (!(range > 1e-6f))
        {
            return;
        }

        var (mean, deviation) = Moments(voxels);
        foreach (ref var v in voxels)
        {
            v = MathF.Pow((v - minimum) / range, (float)gamma);
        }

        var (newMean, newDeviation) = Moments(voxels);
        var scale = deviation / Math.Max(newDeviation, 1e-8);
        foreach (ref var v in voxels)
        {
            v = (float)((v - newMean) * scale + mean);
        }
    }

    private static (double Mean, double Deviation) Moments(ReadOnlySpan<float> voxels)
    {
        var (sum, squares) = (0.0, 0.0);
        foreach (var v in voxels)
        {
            sum += v;
            squares += (double)v * v;
        }

        var mean = sum / voxels.Length;
        return (mean, Math.Sqrt(Math.Max(0, squares / voxels.Length - mean * mean)));
    }
}
