using Credence.MedicalIO;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace Credence.Trainer.Sampling;

/// <summary>Receive field, noise, brightness and gamma on one channel of a patch, as drawn; the same on the host and on a device.</summary>
/// <param name="ReceiveField">(D, H, W), a factor on intensities, whose zero is the smallest of the scan in the patch; null for none.</param>
/// <param name="NoiseSigma">Standard deviation of the noise; 0 for none.</param>
/// <param name="NoiseSeed">Which noise.</param>
/// <param name="Brightness">Factor; 1 for none.</param>
/// <param name="Gamma">Exponent; null for none.</param>
internal readonly record struct IntensityAugmentation(float[]? ReceiveField, double NoiseSigma, uint NoiseSeed, float Brightness, double? Gamma)
{
    private const float SmallestRange = 1e-6f; // of intensities: a flat patch has no gamma
    private const double SmallestDeviation = 1e-8;

    /// <summary>Draws what happens to one channel of one patch.</summary>
    /// <param name="patch">Voxels.</param>
    /// <param name="options">Probabilities and ranges.</param>
    /// <param name="random">Source of the draw.</param>
    /// <param name="ofFields">Source of the receive field, so that it changes no other draw.</param>
    public static IntensityAugmentation Draw(Size3 patch, AugmentationOptions options, Random random, Random ofFields)
    {
        var (sigma, seed) = random.NextDouble() < options.NoiseProbability ? (random.NextDouble() * options.MaximumNoise, (uint)random.NextInt64(1L << 32)) : (0, 0u);
        var brightness = random.NextDouble() < options.BrightnessProbability ? 1 + (2 * random.NextDouble() - 1) * options.MaximumBrightness : 1;
        double? gamma = random.NextDouble() < options.GammaProbability
            ? options.MinimumGamma * Math.Pow(options.MaximumGamma / options.MinimumGamma, random.NextDouble())
            : null;
        var field = options.MaximumReceiveField > 1 && ofFields.NextDouble() < options.ReceiveFieldProbability
            ? DrawField(patch, ofFields.NextDouble() * Math.Log(options.MaximumReceiveField) / 2, (uint)ofFields.NextInt64(1L << 32))
            : null;
        return new(field, sigma, seed, (float)brightness, gamma);
    }

    /// <summary>Varies the voxels in place.</summary>
    /// <param name="voxels">One channel of one patch, normalised.</param>
    /// <param name="inside">Which of them lie in the scan.</param>
    public void Apply(Span<float> voxels, ReadOnlySpan<bool> inside)
    {
        if (ReceiveField is not null)
        {
            ApplyField(voxels, inside, ReceiveField);
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
    /// <param name="inside">(D, H, W), which of them lie in the scan.</param>
    /// <param name="receiveField">(D, H, W), that of this channel on the device.</param>
    /// <returns>(D, H, W).</returns>
    public Tensor Apply(Tensor voxels, Tensor inside, Tensor? receiveField)
    {
        using var scope = NewDisposeScope();
        var varied = voxels.alias();
        if (receiveField is not null)
        {
            var minimum = varied.masked_fill(inside.logical_not(), float.PositiveInfinity).min();
            varied = where(inside, WithMoments((varied - minimum) * receiveField, varied, inside), varied);
        }

        varied = NoiseSigma > 0 ? varied + PatchNoise.Draw(voxels.numel(), NoiseSeed, voxels.device).view(voxels.shape) * NoiseSigma : varied;
        varied = Brightness != 1 ? varied * Brightness : varied;
        if (Gamma is { } gamma)
        {
            var (minimum, range) = (varied.min(), varied.max() - varied.min());
            var bent = ((varied - minimum) / range.clamp(SmallestRange)).pow(gamma);
            var scale = varied.std(unbiased: false) / bent.std(unbiased: false).clamp(SmallestDeviation);
            varied = where(range > SmallestRange, (bent - bent.mean()) * scale + varied.mean(), varied);
        }

        return varied.MoveToOuterDisposeScope();
    }

    /// <summary>A factor whose logarithm has mean 0 and a standard deviation over the patch.</summary>
    private static float[] DrawField(Size3 patch, double deviation, uint seed)
    {
        var logarithm = SmoothField.Values(patch, new(1, 1, 1), 1, seed);
        var mean = TensorPrimitives.Average<double>(logarithm);
        var scale = deviation / Math.Max(TensorPrimitives.StdDev<double>(logarithm), SmallestDeviation);
        return Array.ConvertAll(logarithm, v => (float)Math.Exp(scale * (v - mean)));
    }

    /// <summary>x → (x − min) · field in the scan, then brought back to the mean and standard deviation that it had, as its normalisation would. What lies beside it stays.</summary>
    private static void ApplyField(Span<float> voxels, ReadOnlySpan<bool> inside, float[] field)
    {
        var scan = Select(voxels, inside);
        if (scan.Length == 0)
        {
            return;
        }

        var (mean, deviation) = Moments(scan);
        TensorPrimitives.Subtract(scan, TensorPrimitives.Min<float>(scan), scan);
        TensorPrimitives.Multiply(scan, Select(field, inside), scan);
        GiveMoments(scan, mean, deviation);
        for (var (v, n) = (0, 0); v < voxels.Length; v++)
        {
            if (inside[v])
            {
                voxels[v] = scan[n++];
            }
        }
    }

    private static float[] Select(ReadOnlySpan<float> values, ReadOnlySpan<bool> which)
    {
        var selected = new float[which.Count(true)];
        for (var (v, n) = (0, 0); v < values.Length; v++)
        {
            if (which[v])
            {
                selected[n++] = values[v];
            }
        }

        return selected;
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

    /// <summary>A patch with the mean and the standard deviation of another, both over a part of the voxels.</summary>
    private static Tensor WithMoments(Tensor voxels, Tensor other, Tensor part)
    {
        var ((mean, deviation), (newMean, newDeviation)) = (Of(other), Of(voxels));
        return (voxels - newMean) * (deviation / newDeviation.clamp(SmallestDeviation)) + mean;

        (Tensor, Tensor) Of(Tensor values)
        {
            // Sums, not a selection: its size would have to be known on the host, which would wait for the device.
            var count = part.sum().clamp(1);
            var average = (values * part).sum() / count;
            return (average, (((values - average) * part).square().sum() / count).sqrt());
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
