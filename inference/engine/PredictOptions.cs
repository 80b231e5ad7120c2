namespace Credence.Inference;

/// <summary>How a prediction is made.</summary>
public sealed record PredictOptions
{
    /// <summary>Monte Carlo samples; 0 runs the posterior mean once, without model uncertainty. A plain network always runs once.</summary>
    public int Samples { get; init; } = 16;

    /// <summary>Seed of the weight samples: same seed, same result.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Smallest overlap of neighbouring patches, in [0, 1); null takes the model's.</summary>
    public double? Overlap { get; init; }

    /// <summary>Patches a run of the network.</summary>
    public int BatchSize { get; init; } = 2;
}
