using Credence.MedicalIO;

namespace Credence.Trainer.Training;

/// <summary>A run whose loss or gradient is no longer finite.</summary>
/// <param name="run">The run folder.</param>
/// <param name="step">The step, from 0.</param>
/// <param name="loss">Its loss.</param>
/// <param name="gradientNorm">Norm of the gradient of its data term.</param>
internal sealed class DivergedException(string run, long step, double loss, double gradientNorm) : InputException(
    run, FormattableString.Invariant($"loss {loss} and gradient norm {gradientNorm} at step {step}"), "finite numbers",
    "Start a run in another folder with a lower --learning-rate; --start-from this one begins with its weights before this epoch. The same command, or --resume, would come to the same step again.")
{
    /// <summary>The step, from 0.</summary>
    public long Step { get; } = step;
}
