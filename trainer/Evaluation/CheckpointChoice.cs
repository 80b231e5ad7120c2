namespace Credence.Trainer.Evaluation;

/// <summary>Which weights of a run are judged.</summary>
internal enum CheckpointChoice
{
    /// <summary><c>best.safetensors</c>: of the epoch with the best score on the validation cases, which therefore no longer judge it honestly.</summary>
    Best,

    /// <summary><c>last.safetensors</c>: of the last epoch; their moving average where the run keeps one.</summary>
    Last,
}
