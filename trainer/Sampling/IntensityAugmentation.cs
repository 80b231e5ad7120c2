using Credence.MedicalIO;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Credence.Trainer.Sampling;

/// <summary>Receive field, noise, brightness and gamma on one channel of a patch, as drawn; the same on the host and on a device.</summary>
/// <param name="ReceiveField">Logarithm of a factor on intensities, whose zero is the smallest of the patch; null for none.</param>
/// <param name="NoiseSigma">Standard deviation of the noise; 0 for none.</param>
/// <param name="NoiseSeed">Which noise.</param>
/// <param name="Brightness">Factor; 1 for none.</param>
/// <param name="Gamma">Exponent; null for none.</param>
internal readonly record struct IntensityAugmentation(SmoothField? ReceiveField, double NoiseSigma, uint NoiseSeed, float Brightness, double? Gamma)
{
    private const float SmallestRange = 1e-6f; // of intensities: a flat patch has no gamma
    private const double SmallestDeviation = 1e-8;

    /// <summary>Draws what happens to one channel of one patch.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="options">Probabilities and ranges.</param>
    /// <param name="random">Source of the draw.</param>
    public static IntensityAugmentation Draw(Size3 patch, AugmentationOptions options, Random random)
    {
        var (sigma, seed) = random.NextDouble() < options.NoiseProbability ? (random.NextDouble() * options.MaximumNoise, (uint)random.NextInt64(1L << 32)) : (0, 0u);
        var brightness = random.NextDouble() < options.BrightnessProbability ? 1 + (2 * random.NextDouble() - 1) * options.MaximumBrightness : 1;
        double? gamma = random.NextDouble() < options.GammaProbability
            ? options.MinimumGamma * Math.Pow(options.MaximumGamma / options.MinimumGamma, random.NextDouble())
            : null;
        // Drawn only where asked for, so that a run without it draws what it drew before there was any.
        var field = options.MaximumReceiveField > 1 && random.NextDouble() < options.ReceiveFieldProbability
            ? new SmoothField(patch, new(1, 1, 1), random.NextDouble() * Math.Log(options.MaximumReceiveField) / 2, (uint)random.NextInt64(1L << 32))
            : null;
        return new(field, sigma, seed, (float)brightness, gamma);
    }

    /// <summary>Varies the voxels in place.</summary>
    /// <param name="voxels">One channel of one patch, normalised.</param>
    public void Apply(Span<float> voxels)
    {
        if (ReceiveField is not null)
        {
            ApplyField(voxels, ReceiveField.Values());
        }

        if (NoiseSigma > 0)
        {
            PatchNoise.Add(voxels, NoiseSigma, NoiseSeed);
        }

        if (Brightness != 1)
        {
            TensorPrimitives.Multiply(voxels, Brightness, voxels);
        }

        if (Gamma is { } gamma)
        {
            ApplyGamma(voxels, gamma);
        }
    }

    /// <summary>The same on a device.</summary>
    /// <param name="voxels">(D, H, W), one channel of one patch, normalised.</param>
    /// <returns>(D, H, W).</returns>
    public Tensor Apply(Tensor voxels)
    {
        using var scope = NewDisposeScope();
        var varied = voxels.alias();
        if (ReceiveField is not null)
        {
            varied = WithMoments((varied - varied.min()) * ReceiveField.Values(voxels.device).exp().to(float32), varied);
        }

        varied = NoiseSigma > 0 ? varied + PatchNoise.Draw(voxels.numel(), NoiseSeed, voxels.device).view(voxels.shape) * NoiseSigma : varied;
        varied = Brightness != 1 ? varied * Brightness : varied;
        if (Gamma is { } gamma)
        {
            var (minimum, range) = (varied.min(), varied.max() - varied.min());
            var bent = ((varied - minimum) / range.clamp(SmallestRange)).pow(gamma);
            varied = where(range > SmallestRange, WithMoments(bent, varied), varied);
        }

        return varied.MoveToOuterDisposeScope();
    }

    /// <summary>x → (x − min) · exp(field), then brought back to the mean and standard deviation that the patch had, as its normalisation would.</summary>
    private static void ApplyField(Span<float> voxels, double[] field)
    {
        var (mean, deviation) = Moments(voxels);
        var minimum = TensorPrimitives.Min<float>(voxels);
        for (var v = 0; v < voxels.Length; v++)
        {
            voxels[v] = (voxels[v] - minimum) * (float)Math.Exp(field[v]);
        }

        GiveMoments(voxels, mean, deviation);
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
        if (!(range > SmallestRange))
        {
            return;
        }

        var (mean, deviation) = Moments(voxels);
        foreach (ref var v in voxels)
        {
            v = MathF.Pow((v - minimum) / range, (float)gamma);
        }

        GiveMoments(voxels, mean, deviation);
    }

    private static void GiveMoments(Span<float> voxels, double mean, double deviation)
    {
        var (newMean, newDeviation) = Moments(voxels);
        var scale = deviation / Math.Max(newDeviation, SmallestDeviation);
        foreach (ref var v in voxels)
        {
            v = (float)((v - newMean) * scale + mean);
        }
    }

    /// <summary>A patch with the mean and the standard deviation of another.</summary>
    private static Tensor WithMoments(Tensor voxels, Tensor other) =>
        (voxels - voxels.mean()) * (other.std(unbiased: false) / voxels.std(unbiased: false).clamp(SmallestDeviation)) + other.mean();

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
