using Credence.Models;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Training;

/// <summary>Keeps what a run warned about in its folder, and hands everything on.</summary>
/// <param name="next">The observer of the run.</param>
/// <param name="folder">Its folder; the warnings of a run that goes on are kept.</param>
internal sealed class WarningRecorder(ITrainingObserver next, RunFolder folder) : ITrainingObserver
{
    private readonly List<string> warnings = [];

    /// <summary>Since this process began.</summary>
    public IReadOnlyList<string> Warnings => warnings;

    /// <inheritdoc/>
    public void Preparing(string what) => next.Preparing(what);

    /// <inheritdoc/>
    public void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources)
    {
        var earlier = File.Exists(folder.LastCheckpoint) ? folder.ReadWarnings() ?? [] : [];
        warnings.InsertRange(0, earlier.Except(warnings).ToList());
        folder.Write(warnings);
        next.Started(options, plan, network, objective, resources);
    }

    /// <inheritdoc/>
    public void Warned(string warning)
    {
        if (!warnings.Contains(warning))
        {
            warnings.Add(warning);
            folder.Write(warnings);
        }

        next.Warned(warning);
    }

    /// <inheritdoc/>
    public void Stepped(StepReport report, double progress) => next.Stepped(report, progress);

    /// <inheritdoc/>
    public void Validated(EpochReport report) => next.Validated(report);
}
