using Credence.Models;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Training;

/// <summary>Where the reports of a run go.</summary>
internal interface ITrainingObserver
{
    /// <summary>Preparation, in words.</summary>
    void Preparing(string what);

    /// <summary>Called once, when training begins or goes on.</summary>
    void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources);

    /// <summary>Something that a user should know and that is no error.</summary>
    void Warned(string warning);

    /// <summary>Called after every step, with the share of the run that is over.</summary>
    void Stepped(StepReport report, double progress);

    /// <summary>Called after every epoch.</summary>
    void Validated(EpochReport report);
}
