using Credence.Models;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Evaluation;

/// <summary>Receives reports; can stop the run after some steps.</summary>
internal sealed class SilentObserver(Action<StepReport>? onStep = null) : ITrainingObserver
{
    public void Preparing(string what)
    {
    }

    public void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources)
    {
    }

    public void Warned(string warning)
    {
    }

    public void Stepped(StepReport report, double progress) => onStep?.Invoke(report);

    public void Validated(EpochReport report)
    {
    }
}
