using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Models.Checkpoints;
using Credence.MedicalIO;
using Credence.Models.Losses;
using Credence.Trainer.Datasets;
using Credence.Trainer.Distributed;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Planning;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>A validation case: preprocessed as in deployment, with the reference on its own grid.</summary>
/// <param name="Id">The case.</param>
/// <param name="Number">Its place among the validation cases.</param>
/// <param name="Prepared">Network input and the way back.</param>
/// <param name="Reference">The mask as it was read.</param>
internal sealed record ValidationCase(string Id, int Number, PreparedVolume Prepared, LabelMap Reference);

/// <summary>Everything a run knows about its data: plan, split, and the preprocessed cases of both sides.</summary>
internal sealed class TrainingData
{
    private readonly TrainingFingerprint fingerprint;
    private readonly string dataHash;

    private TrainingData(
        TrainingPlan plan, TrainingFingerprint fingerprint, FingerprintBuilder survey, FoldSplit split, IReadOnlyList<TrainingCase> training, IReadOnlyList<ValidationCase> validation)
    {
        (Plan, this.fingerprint, dataHash, Split, Training, Validation) = (plan, fingerprint, survey.DataHash, split, training, validation);
        ValidatesForeground = split.Validation.Any(id => survey.LesionVolumes[id] > 0);
        Concerns =
        [
            .. new[]
            {
                PlanConcern(plan, split), survey.PatientConcern,
                ValidatesForeground ? null : "no validation case has foreground, so that Dice says nothing of an epoch: the best is the one with the lowest negative log-likelihood.",
            }.OfType<string>(),
        ];
    }

    /// <summary>Hash of the code that trains.</summary>
    public static string CodeHash { get; } = ProgramHash.Compute(typeof(TrainingData).Assembly, typeof(Models.Network).Assembly, typeof(ModelManifest).Assembly, typeof(Volume).Assembly);

    /// <summary>The plan, with the overrides of the options applied.</summary>
    public TrainingPlan Plan { get; }

    /// <summary>What the training cases look like.</summary>
    public TrainingFingerprint Fingerprint => fingerprint;

    /// <summary>Which cases train and which validate.</summary>
    public FoldSplit Split { get; }

    /// <summary>Cases to draw patches from.</summary>
    public IReadOnlyList<TrainingCase> Training { get; }

    /// <summary>Cases that this process validates on: all of them, where it trains alone.</summary>
    public IReadOnlyList<ValidationCase> Validation { get; }

    /// <summary>Whether any validation case has a foreground voxel; without one, Dice is 0 or undefined.</summary>
    public bool ValidatesForeground { get; }

    /// <summary>What a user should know of data, split and plan before training.</summary>
    public IReadOnlyList<string> Concerns { get; }

    /// <summary>What a user should know of a plan that was made before: that it has seen other cases than those that train; null when there is nothing.</summary>
    public static string? PlanConcern(TrainingPlan plan, FoldSplit split) => plan.MeasuredCases is { } measured && !measured.Order(StringComparer.Ordinal).SequenceEqual(split.Training)
        ? $"{TrainingPlan.FileName} was measured on {measured.Count} cases, not on the {split.Training.Count} that train, so that it may have seen validation cases; "
            + $"delete it, and make it with `credence-train plan --fold {split.Fold} --folds {split.Folds}{(split.Seed is { } seed ? $" --seed {seed}" : "")}`."
        : null;

    /// <summary>Reads, checks and measures every case of a data set.</summary>
    public static FingerprintBuilder Survey(Dataset dataset, Action<string> report, CancellationToken cancellation)
    {
        var survey = new FingerprintBuilder(dataset);
        foreach (var (files, number) in dataset.Cases.Select((files, n) => (files, n + 1)))
        {
            cancellation.ThrowIfCancellationRequested();
            report($"checking case {number} of {dataset.Cases.Count}");
            survey.Add(CaseReader.Read(dataset, files));
        }

        return survey;
    }

    /// <summary>Refuses a scan of the test set among the cases that train or validate, whether a record locks it or the data set lists it.</summary>
    /// <exception cref="DatasetException">There is one.</exception>
    public static void RefuseTestScans(TrainingOptions options, Dataset dataset, FingerprintBuilder survey, Action<string> report, CancellationToken cancellation)
    {
        new TestLock(options.TestLock ?? TestLock.Beside(dataset.Folder)).RefuseTraining(dataset, survey.ScanHashes);
        TestScans.RefuseShared(dataset, survey.ScanHashes, TestScans.Hash(dataset, dataset.TestCases, "test", report, cancellation));
    }

    /// <summary>Makes a plan, or reads the one that the run folder holds; writes plan and fingerprint into the run folder.</summary>
    /// <remarks>With a split, only the cases of the training side are measured, so that nothing of the validation side leaks into the plan.</remarks>
    /// <exception cref="DatasetException">The plan cannot be read, or is for other channels or classes than those of the data set.</exception>
    public static (TrainingPlan Plan, TrainingFingerprint Fingerprint) MakePlan(Dataset dataset, FingerprintBuilder survey, FoldSplit? split, RunFolder folder)
    {
        var fingerprint = survey.Build(split?.Training);
        folder.Write(fingerprint);
        var plan = File.Exists(folder.Plan)
            ? TrainingPlan.Read(folder.Plan).For(dataset, folder.Plan)
            : Planner.Plan(dataset, fingerprint, survey.SurroundingAir(split?.Training)) with { MeasuredCases = split?.Training ?? [.. dataset.Cases.Select(c => c.Id)] };
        folder.Write(plan);
        return (plan, fingerprint);
    }

    /// <summary>Splits and plans a run that begins.</summary>
    /// <param name="options">Of the run; their batch size and width stand above the plan's.</param>
    /// <param name="dataset">The data set.</param>
    /// <param name="survey">All of its cases.</param>
    /// <param name="folder">Gets plan and fingerprint; its plan is used where there is one.</param>
    /// <exception cref="DatasetException">There are fewer patients than folds, the network to start from has seen validation cases, or the plan cannot be read.</exception>
    public static (FoldSplit Split, TrainingPlan Plan, TrainingFingerprint Fingerprint) Begin(TrainingOptions options, Dataset dataset, FingerprintBuilder survey, RunFolder folder)
    {
        var split = FoldSplit.Create(dataset, survey.LesionVolumes, options.Folds, options.Fold, options.SplitSeed ?? options.Seed).Remember(survey.ScanHashes, options.StartFrom);
        var (plan, fingerprint) = MakePlan(dataset, survey, split, folder);
        return (split, Override(plan, options), fingerprint);
    }

    /// <summary>Opens, checks, plans, splits and preprocesses. A run that has a checkpoint keeps the split that it was started with.</summary>
    /// <param name="options">Of the run.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="checkpoint">What the run goes on from; null for one that begins.</param>
    /// <param name="report">Told what is read.</param>
    /// <param name="group">The processes that train together; they share the validation cases among them.</param>
    /// <param name="cancellation">Stops between two cases.</param>
    /// <exception cref="DatasetException">The data cannot be trained on, a case has a scan of the test set, or data, fold or plan are not those of the checkpoint.</exception>
    public static TrainingData Prepare(TrainingOptions options, RunFolder folder, Checkpoint? checkpoint, Action<string> report, IProcessGroup group, CancellationToken cancellation)
    {
        var dataset = Dataset.Open(options.Data);
        var survey = Survey(dataset, report, cancellation);
        RefuseTestScans(options, dataset, survey, report, cancellation);
        var (split, plan, fingerprint) = checkpoint is null
            ? Begin(options, dataset, survey, folder)
            : GoOn(options, dataset, survey, folder, checkpoint);
        var training = new List<TrainingCase>();
        var validation = new List<ValidationCase>();
        var validated = 0;
        foreach (var (files, number) in dataset.Cases.Select((files, n) => (files, n + 1)))
        {
            cancellation.ThrowIfCancellationRequested();
            var isHeld = split.Validation.Contains(files.Id);
            if (isHeld && validated++ % group.Size != group.Rank)
            {
                continue;
            }

            report($"preprocessing case {number} of {dataset.Cases.Count}");
            var loaded = CaseReader.Read(dataset, files);
            var prepared = Preprocessing.Prepare(loaded.Channels, plan.Preprocessing);
            if (isHeld)
            {
                validation.Add(new(files.Id, validated - 1, prepared, loaded.Mask));
            }
            else
            {
                var labels = Preprocessing.PrepareLabels(prepared, loaded.Mask);
                training.Add(new(files.Id, prepared.Geometry.Size, prepared.Voxels, ClassIndices(dataset.Classes, labels), dataset.Classes.Count));
            }
        }

        return new(plan, fingerprint, survey, split, training, validation);
    }

    /// <summary>Split and plan of a run that goes on, where they and the data are still those of its checkpoint.</summary>
    private static (FoldSplit Split, TrainingPlan Plan, TrainingFingerprint Fingerprint) GoOn(
        TrainingOptions options, Dataset dataset, FingerprintBuilder survey, RunFolder folder, Checkpoint checkpoint)
    {
        var split = folder.ReadSplit(dataset);
        split.RefuseOther(options);
        ResumeCheck.RefuseOtherData(checkpoint, options.Data, survey.DataHash);
        var (made, fingerprint) = MakePlan(dataset, survey, split, folder);
        var plan = Override(made, options);
        ResumeCheck.RefuseOtherPlan(checkpoint, options, folder.Plan, plan);
        return (split, plan, fingerprint);
    }

    /// <summary>The plan with the batch size and the width of the options, where they are given.</summary>
    public static TrainingPlan Override(TrainingPlan plan, TrainingOptions options) =>
        plan with { BatchSize = options.BatchSize ?? plan.BatchSize, Width = options.Width ?? plan.Width };

    /// <summary>The loss for the classes of the data, whose shares of the training voxels weigh them where it asks for that.</summary>
    /// <exception cref="DatasetException">The loss is written for another number of classes.</exception>
    public LossSum Loss(TrainingOptions options)
    {
        try
        {
            return options.Loss.For(fingerprint.ClassFractions);
        }
        catch (ArgumentException e)
        {
            throw new DatasetException(options.Data, $"{Plan.Classes.Count} classes ({string.Join(", ", Plan.Classes.Select(c => c.Name))})",
                $"the classes that --loss \"{options.Loss}\" is written for", "Give as many weights as there are classes, background first.", e);
        }
    }

    /// <summary>What processes that train together must have alike, by name.</summary>
    public IReadOnlyDictionary<string, string> Identity => new Dictionary<string, string>
    {
        ["data"] = dataHash,
        ["plan"] = JsonSerializer.Serialize(Plan, TrainerJson.Lines),
        ["fingerprint"] = JsonSerializer.Serialize(fingerprint, TrainerJson.Lines),
        ["split"] = JsonSerializer.Serialize(Split, TrainerJson.Lines),
    };

    /// <summary>The manifest of a model trained on this data; the exporter adds what depends on the network's graph. Within an epoch there are no scores.</summary>
    public ModelManifest Manifest(
        string objective, TrainingOptions options, RunProgress progress, ValidationScores? scores, string program, DateTimeOffset now) => new()
        {
            Name = $"{Plan.Name} fold {Split.Fold} of {Split.Folds}",
            Channels = Plan.Channels,
            Classes = Plan.Classes,
            Spacing = Plan.Spacing,
            Interpolation = Plan.Interpolation,
            Crop = Plan.Crop,
            Normalisation = Plan.Normalisation,
            PatchSize = Plan.PatchSize,
            Stride = Plan.Stride,
            Posterior = Enum.Parse<PosteriorKind>(options.Posterior.ToString()),
            Fingerprint = fingerprint,
            Provenance = new()
            {
                TrainedBy = program,
                TrainedAt = now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture),
                DataHash = dataHash,
                CodeHash = CodeHash,
                Seed = options.Seed,
                Steps = progress.Step,
                Objective = objective,
                ExamplesPerEpoch = (long)options.StepsPerEpoch * Plan.BatchSize,
                Metrics = scores?.ByName(Plan.Classes) ?? new Dictionary<string, double>(),
            },
        };

    /// <summary>Labels of the data set to positions in the list of classes.</summary>
    private static byte[] ClassIndices(IReadOnlyList<ClassDescription> classes, LabelMap labels)
    {
        var index = new byte[256];
        for (var c = 0; c < classes.Count; c++)
        {
            index[classes[c].Label] = (byte)c;
        }

        return [.. labels.Labels.Select(l => index[l])];
    }
}
