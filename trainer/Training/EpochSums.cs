namespace Credence.Trainer.Training;

/// <summary>Sums over the steps of an epoch, from which its report is made. Part of a checkpoint in the middle of an epoch, so that the rest of it adds to the very same bits.</summary>
internal sealed record EpochSums
{
    /// <summary>First step of the epoch.</summary>
    public required long FirstStep { get; init; }

    /// <summary>Steps taken.</summary>
    public int Steps { get; init; }

    /// <summary>Sum of the losses.</summary>
    public double Loss { get; init; }

    /// <summary>Sum of the shares of foreground voxels.</summary>
    public double Foreground { get; init; }

    /// <summary>Number of patches that hold foreground.</summary>
    public double WithForeground { get; init; }

    /// <summary>Warm-up factor of the KL in the last step.</summary>
    public double KlWarmUp { get; init; } = 1;

    /// <summary>Share of the run that was over before the last step.</summary>
    public double Share { get; init; }

    /// <summary>Gradients by layer; empty before the first step.</summary>
    public IReadOnlyList<PullSums> Layers { get; init; } = [];
}
