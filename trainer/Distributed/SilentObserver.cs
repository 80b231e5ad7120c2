using Credence.Models;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Distributed;

/// <summary>The observer of every process but the first, which tells the user what all of them do.</summary>
internal sealed class SilentObserver : ITrainingObserver
{
    /// <inheritdoc/>
    public void Preparing(string what)
    {
    }

    /// <inheritdoc/>
    public void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources)
    {
    }

    /// <inheritdoc/>
    public void Warned(string warning)
    {
    }

    /// <inheritdoc/>
    public void Stepped(StepReport report, double progress)
    {
    }

    /// <inheritdoc/>
    public void Validated(EpochReport report)
    {
    }
}
