using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Reports;

/// <summary>What a run folder says about its run.</summary>
internal sealed record RunRecord
{
    /// <summary>Name of the folder.</summary>
    public required string Name { get; init; }

    /// <summary>The data set.</summary>
    public required Dataset Dataset { get; init; }

    /// <summary>The record of the test set; null for the one beside the data set.</summary>
    public required string? TestLock { get; init; }

    /// <summary>The options.</summary>
    public required TrainingOptions Options { get; init; }

    /// <summary>The plan.</summary>
    public required TrainingPlan Plan { get; init; }

    /// <summary>Which cases train and which validate.</summary>
    public required FoldSplit Split { get; init; }

    /// <summary>Of the best network.</summary>
    public required ModelManifest Manifest { get; init; }

    /// <summary>Parameters against voxels, and what there is to say about it.</summary>
    public required ResourceCheck Resources { get; init; }

    /// <summary>What the run warned about; null for a run that kept no record.</summary>
    public required IReadOnlyList<string>? Warnings { get; init; }

    /// <summary>Every finished epoch, at least one.</summary>
    public required IReadOnlyList<EpochReport> Epochs { get; init; }

    /// <summary>Every step of them.</summary>
    public required IReadOnlyList<StepReport> Steps { get; init; }

    /// <summary>The epoch whose weights are judged.</summary>
    public EpochReport Best => Epochs.LastOrDefault(e => e.IsBest) ?? Epochs[^1];

    /// <summary>Foreground classes.</summary>
    public IReadOnlyList<ClassDescription> Foreground => [.. Plan.Classes.Skip(1)];

    /// <summary>What a title of a class ends with: its name, where there are several.</summary>
    public string Suffix(ClassDescription @class) => Foreground.Count > 1 ? $", {@class.Name}" : "";

    /// <summary>Brings a mean per voxel into the unit of the objective.</summary>
    public double DataFactor => new Models.Elbo(
        Options.DataTerm, Models.Elbo.ScalingFor(Options.DataTerm), Options.StepsPerEpoch, Manifest.Provenance.ExamplesPerEpoch, Plan.PatchSize.Count).DataFactor(Plan.BatchSize);

    /// <summary>Reads a run.</summary>
    /// <param name="run">Its folder.</param>
    /// <param name="data">The data set; null takes the folder that the run was started with.</param>
    /// <param name="testLock">The record of the test set; null takes that of the run.</param>
    /// <exception cref="InputException">The folder holds no run with a finished epoch, or the data set is another one.</exception>
    public static RunRecord Read(string run, string? data, string? testLock = null)
    {
        using var member = TrainedMember.Load(run, CheckpointChoice.Best, CPU); // first, because its error fits a folder that holds no run
        var folder = new RunFolder(run);
        var options = folder.ReadOptions();
        var dataset = Dataset.Open(data ?? options.Data);
        var plan = TrainingData.Override(TrainingPlan.Read(folder.Plan), options);
        var epochs = File.Exists(folder.Log) ? TrainingLog.ReadEpochs(folder.Log) : [];
        return new()
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(run))),
            Dataset = dataset,
            TestLock = testLock ?? options.TestLock,
            Options = options,
            Plan = plan,
            Split = folder.ReadSplit(dataset),
            Manifest = member.Manifest,
            // The memory of the machine that writes the report says nothing about the run.
            Resources = ResourceCheck.Of(plan, member.Manifest.Fingerprint, member.Network, Optimisation.StatesOf(options.Optimiser), new("not asked", IsHost: true, Bytes: null)),
            Warnings = folder.ReadWarnings(),
            Epochs = epochs.Count > 0 ? epochs : throw new DatasetException(folder.Log, "no finished epoch", "a run with at least one", "Go on with `credence-train fit --resume`."),
            Steps = TrainingLog.ReadSteps(folder.Log),
        };
    }
}
