namespace Credence.Inference;

/// <summary>How a prediction is made.</summary>
public sealed record PredictOptions
{
    /// <summary>
    /// Monte Carlo samples; 0 runs the posterior mean once, without model uncertainty: of an ensemble the first member alone. Null draws 16 of a network with
    /// noise, and of an ensemble whole rounds of its members. A plain network always runs once, a plain member of an ensemble at most once.
    /// </summary>
    public int? Samples { get; init; }

    /// <summary>Seed of the weight samples: same seed, same result.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Smallest overlap of neighbouring patches, in [0, 1); null takes the model's.</summary>
    public double? Overlap { get; init; }

    /// <summary>
    /// Mirrors the case along every combination of these axes in each sample, and takes the mean of the probabilities: 8 times the work for all three. For
    /// networks that were trained with mirrored patches, and whose classes are not left and right.
    /// </summary>
    public FlipAxes Flips { get; init; }

    /// <summary>Patches a run of the network.</summary>
    public int BatchSize { get; init; } = 2;

    /// <summary>
    /// Stops early once the volume of the foreground is settled: the standard error of its mean over the samples is below this share of it, and there
    /// are at least <see cref="FewestSamples"/>, in whole rounds of the members of an ensemble. Null draws all samples.
    /// </summary>
    public double? Tolerance { get; init; }

    /// <summary>Samples that are drawn whatever <see cref="Tolerance"/> says.</summary>
    public int FewestSamples { get; init; } = 8;

    /// <summary>Stops after the first sample that ends later than this after the start; null has all the time it needs.</summary>
    public TimeSpan? TimeBudget { get; init; }

    /// <summary>
    /// Refuses a scan whose spacing or intensities lie further outside those of the training cases than this, in margins; what lies outside by more than 1
    /// margin is a warning of the report. 1 refuses whatever is warned of, null refuses nothing.
    /// </summary>
    public double? DeviationLimit { get; init; } = 4;

    /// <summary>
    /// Bytes that a prediction may take beside the loaded model and the scans: fewer patches run at once and fewer features are kept, and a case that does not
    /// fit even then is refused. What is inside the network is estimated. Null: no limit but <see cref="FeatureMemory"/>.
    /// </summary>
    public long? Memory { get; init; }

    /// <summary>Bytes that features shared by all samples may take. Where they need more, a part of them is computed again in every sample: slower, with the same result.</summary>
    public long FeatureMemory { get; init; } = 4L << 30;
}
