namespace Credence.Trainer.Training;

/// <summary>The epoch whose weights are the best so far.</summary>
/// <param name="Epoch">From 0.</param>
/// <param name="Score">What was compared: higher is better.</param>
/// <param name="Dice">Its validation Dice.</param>
/// <param name="HasFullKl">Whether its last step had the full weight of the KL; before, a run trains on another objective, and its last epoch only stands in.</param>
internal sealed record BestEpoch(int Epoch, double Score, double Dice, bool HasFullKl = true);

/// <summary>How far a run has come; stored in every checkpoint.</summary>
/// <param name="Epoch">Epochs done.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Seconds">Time spent, interruptions not counted.</param>
/// <param name="Best">The best epoch so far; null before the first is over.</param>
internal sealed record RunProgress(int Epoch, long Step, double Seconds, BestEpoch? Best)
{
    /// <summary>Validation Dice after the last epoch.</summary>
    public double LastDice { get; init; }

    /// <summary>Epochs since the best that could have been better: those whose last step had the full weight of the KL.</summary>
    public int EpochsSinceBest { get; init; }

    /// <summary>The epoch that was interrupted; null between epochs.</summary>
    public EpochSums? Within { get; init; }

    /// <summary>Before the first step.</summary>
    public static RunProgress Start { get; } = new(0, 0, 0, null);

    /// <summary>The best epoch once another one is over.</summary>
    public BestEpoch BestWith(BestEpoch epoch) => Best switch
    {
        { HasFullKl: true } best when !epoch.HasFullKl || epoch.Score <= best.Score => best,
        _ => epoch,
    };
}

/// <summary>What a finished run reached.</summary>
/// <param name="BestCheckpoint">File with the best weights.</param>
/// <param name="BestDice">Its validation Dice.</param>
/// <param name="LastDice">Validation Dice after the last epoch.</param>
/// <param name="Epochs">Epochs done.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="Seconds">Time spent.</param>
/// <param name="IsStoppedEarly">Whether the run ended because it had not improved for <see cref="TrainingOptions.Patience"/> epochs.</param>
internal sealed record TrainingResult(string BestCheckpoint, double BestDice, double LastDice, int Epochs, long Steps, double Seconds, bool IsStoppedEarly);
