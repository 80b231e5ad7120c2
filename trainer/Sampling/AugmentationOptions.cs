namespace Credence.Trainer.Sampling;

/// <summary>How training patches are varied. A probability of 0 switches an item off.</summary>
/// <remarks>After Isensee et al. 2021 (nnU-Net), supplementary note 4, without blur, contrast and low resolution, and with narrower ranges.</remarks>
internal sealed record AugmentationOptions
{
    /// <summary>Probability that a patch is rotated about all three axes.</summary>
    public double RotationProbability { get; init; } = 0.3;

    /// <summary>Largest angle about each axis, degrees.</summary>
    public double MaximumRotation { get; init; } = 20;

    /// <summary>Probability that a patch is scaled.</summary>
    public double ScaleProbability { get; init; } = 0.3;

    /// <summary>Smallest scale; above 1 magnifies.</summary>
    public double MinimumScale { get; init; } = 0.8;

    /// <summary>Largest scale.</summary>
    public double MaximumScale { get; init; } = 1.25;

    /// <summary>Axes that are mirrored with probability 1/2: a subset of <c>ijk</c>. Only left-right (i) by default: it is the symmetry of anatomy.</summary>
    public string FlipAxes { get; init; } = "i";

    /// <summary>Probability that a patch is deformed, where <see cref="MaximumDeformation"/> is above 0.</summary>
    public double DeformationProbability { get; init; } = 0.3;

    /// <summary>Largest standard deviation of an elastic displacement along each axis, mm; 0 for none.</summary>
    public double MaximumDeformation { get; init; }

    /// <summary>Probability of additive Gaussian noise.</summary>
    public double NoiseProbability { get; init; } = 0.15;

    /// <summary>Largest standard deviation of the noise, in units of the normalised intensity.</summary>
    public double MaximumNoise { get; init; } = 0.15;

    /// <summary>Probability that intensities are multiplied by a factor.</summary>
    public double BrightnessProbability { get; init; } = 0.15;

    /// <summary>Largest deviation of the factor from 1.</summary>
    public double MaximumBrightness { get; init; } = 0.25;

    /// <summary>Probability of a gamma change, which keeps mean and standard deviation of the patch.</summary>
    public double GammaProbability { get; init; } = 0.3;

    /// <summary>Smallest exponent.</summary>
    public double MinimumGamma { get; init; } = 0.7;

    /// <summary>Largest exponent.</summary>
    public double MaximumGamma { get; init; } = 1.5;

    /// <summary>Probability of an uneven receive field, where <see cref="MaximumReceiveField"/> is above 1.</summary>
    public double ReceiveFieldProbability { get; init; } = 0.3;

    /// <summary>Largest receive field: two standard deviations of its logarithm over a patch are those of this factor. 1 for none.</summary>
    public double MaximumReceiveField { get; init; } = 1;

    /// <summary>No variation at all.</summary>
    public static AugmentationOptions None { get; } = new()
    {
        RotationProbability = 0,
        ScaleProbability = 0,
        FlipAxes = "",
        DeformationProbability = 0,
        NoiseProbability = 0,
        BrightnessProbability = 0,
        GammaProbability = 0,
        ReceiveFieldProbability = 0,
    };

    /// <summary>Other ranges of rotation, scale, noise, brightness and gamma, and other probabilities of them.</summary>
    /// <param name="strength">Multiplies angles, deviations, the logarithms of factors and exponents, and, up to 1, probabilities; 0 for none of these, 1 for what is.</param>
    public AugmentationOptions Scaled(double strength) => this with
    {
        RotationProbability = Math.Min(1, strength * RotationProbability),
        MaximumRotation = strength * MaximumRotation,
        ScaleProbability = Math.Min(1, strength * ScaleProbability),
        MinimumScale = Math.Pow(MinimumScale, strength),
        MaximumScale = Math.Pow(MaximumScale, strength),
        NoiseProbability = Math.Min(1, strength * NoiseProbability),
        MaximumNoise = strength * MaximumNoise,
        BrightnessProbability = Math.Min(1, strength * BrightnessProbability),
        MaximumBrightness = strength * MaximumBrightness,
        GammaProbability = Math.Min(1, strength * GammaProbability),
        MinimumGamma = Math.Pow(MinimumGamma, strength),
        MaximumGamma = Math.Pow(MaximumGamma, strength),
    };
}
