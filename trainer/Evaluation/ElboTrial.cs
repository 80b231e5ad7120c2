using Credence.Models;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>What was left of a run with one coefficient.</summary>
/// <param name="Coefficient">The coefficient.</param>
/// <param name="Elbo">The objective with it.</param>
/// <param name="Evaluation">Of the last weights, on the held-out fold; null for a run that diverged.</param>
/// <param name="Epochs">From the log.</param>
/// <param name="DivergedAt">The step at which loss or gradient were no longer finite; null for a run that ended.</param>
internal sealed record ElboTrial(KlCoefficient Coefficient, Elbo Elbo, EvaluationReport? Evaluation, IReadOnlyList<EpochReport> Epochs, long? DivergedAt)
{
    /// <summary>Name of the held-out NLL: over all classes, or the mean over them.</summary>
    public string NegativeLogLikelihood => Evaluation!.Cases.Any(c => c.Values.ContainsKey("all/nll")) ? "all/nll" : "nll";
}
