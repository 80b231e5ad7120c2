using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>What to evaluate.</summary>
internal sealed record EvaluateOptions
{
    /// <summary>Run folders; several are averaged as an ensemble.</summary>
    public required IReadOnlyList<string> Runs { get; init; }

    /// <summary>Folder with the data set.</summary>
    public required string Data { get; init; }

    /// <summary>Folder for <c>evaluation.json</c>.</summary>
    public required string Output { get; init; }

    /// <summary>Which cases.</summary>
    public EvaluationSplit Split { get; init; } = EvaluationSplit.Validation;

    /// <summary>Which weights of each run.</summary>
    public CheckpointChoice Checkpoint { get; init; } = CheckpointChoice.Best;

    /// <summary>Monte Carlo samples a member; a plain network runs once.</summary>
    public int Samples { get; init; } = 16;

    /// <summary>Seed of the samples.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary><c>cpu</c>, <c>cuda:0</c>, or <c>auto</c>.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>The record of the test set; null takes <c>test-lock.json</c> beside the data set.</summary>
    public string? TestLock { get; init; }

    /// <summary>The rules of the metrics, classes aside; null takes the default.</summary>
    public EvaluationOptions? Rules { get; init; }

    /// <summary>Which maps are kept.</summary>
    public KeptMaps Keep { get; init; }

    /// <summary>In a cross-validation, the hash of what was asked for.</summary>
    public string? Job { get; init; }
}

/// <summary>Which maps an evaluation keeps.</summary>
internal enum KeptMaps
{
    /// <summary>None.</summary>
    None,

    /// <summary><c>segmentations/&lt;case&gt;.nii.gz</c>.</summary>
    Segmentations,

    /// <summary><c>probabilities/&lt;case&gt;-&lt;label&gt;.nii.gz</c>, 16-bit: at most 8e-6 from the probability.</summary>
    Probabilities,
}

/// <summary>Evaluates runs with the code of deployment: preprocessing, sliding window, samples, way back to the scan's grid, decision.</summary>
internal static class RunEvaluation
{
    private const string ProbabilityFolder = "probabilities";

    /// <summary>The program that is named in reports.</summary>
    public static readonly string Program = $"credence-train {typeof(RunEvaluation).Assembly.GetName().Version?.ToString(3)}";

    /// <summary>Where an evaluation that keeps probabilities puts them.</summary>
    /// <param name="folder">Its output folder.</param>
    /// <param name="id">The case.</param>
    /// <param name="class">The class.</param>
    public static string ProbabilityPath(string folder, string id, ClassDescription @class) => Path.Combine(folder, ProbabilityFolder, $"{id}-{@class.Label}.nii.gz");

    /// <summary>Evaluates, and writes the report last.</summary>
    /// <exception cref="DatasetException">The data do not fit the runs, there is no case to judge, or the test set is not the locked one.</exception>
    /// <exception cref="ModelFileException">A run cannot be used.</exception>
    public static EvaluationReport Run(EvaluateOptions options, Action<string> report, TimeProvider clock, CancellationToken cancellation) =>
        Run(options, report, _ => { }, clock, cancellation);

    /// <summary>Evaluates, and shows each case with its maps before they are dropped.</summary>
    /// <param name="options">What to evaluate.</param>
    /// <param name="report">Told what is being done.</param>
    /// <param name="see">Shown each case.</param>
    /// <param name="clock">Dates a look at the test set.</param>
    /// <param name="cancellation">Stops between cases.</param>
    internal static EvaluationReport Run(EvaluateOptions options, Action<string> report, Action<EvaluatedCase> see, TimeProvider clock, CancellationToken cancellation)
    {
        var dataset = Dataset.Open(options.Data);
        using var ensemble = Ensemble.Load(options.Runs, options.Checkpoint, TrainingLoop.ResolveDevice(options.Device));
        CheckFit(ensemble.Manifest, dataset, options.Runs[0]);
        var files = Select(options, dataset);
        var testSet = options.Split == EvaluationSplit.Test ? Look(options, dataset, report, clock, cancellation) : null;

        var rules = (options.Rules ?? new()) with { Classes = [.. dataset.Classes.Skip(1)] };
        var results = new List<CaseResult>();
        foreach (var (file, number) in files.Select((f, n) => (f, n + 1)))
        {
            cancellation.ThrowIfCancellationRequested();
            report($"evaluating case {number} of {files.Count}");
            var loaded = CaseReader.Read(dataset, file);
            var prediction = ensemble.Predict(loaded, new PredictOptions { Samples = options.Samples, Seed = options.Seed }, cancellation);
            Keep(options, file.Id, prediction, dataset.Classes);
            var evaluation = CaseScoring.Evaluate(file.Id, prediction, loaded.Mask, rules);
            results.Add(new(file.Id, dataset.Patients[file.Id], evaluation.Values) { ContentHash = Convert.ToHexStringLower(loaded.ContentHash) });
            see(new(loaded, prediction, evaluation));
        }

        var whole = new EvaluationReport
        {
            Program = Program,
            Data = options.Data,
            Split = options.Split,
            Runs = options.Runs,
            Checkpoint = options.Checkpoint,
            Selection = Selection(options),
            Samples = options.Samples,
            Seed = options.Seed,
            DataHash = ensemble.Manifest.Provenance.DataHash,
            TestSet = testSet,
            Job = options.Job,
            TestSetLock = new TestLock(options.TestLock ?? TestLock.Beside(dataset.Folder)).Describe(),
            Rules = rules,
            Summary = PatientSummary.Of(results),
            Cases = results,
        };
        whole.Write(options.Output);
        return whole;
    }

    private static void CheckFit(ModelManifest manifest, Dataset dataset, string run)
    {
        if (!manifest.Channels.SequenceEqual(dataset.Channels) || !manifest.Classes.SequenceEqual(dataset.Classes))
        {
            throw new DatasetException(dataset.Folder, Dataset.Describe(dataset.Channels, dataset.Classes), $"{Dataset.Describe(manifest.Channels, manifest.Classes)}, on which {run} was trained",
                "Give the data set of the run with --data, or describe this one alike in dataset.json.");
        }
    }

    private static IReadOnlyList<CaseFiles> Select(EvaluateOptions options, Dataset dataset)
    {
        if (options.Split == EvaluationSplit.Test)
        {
            return dataset.TestCases.Count > 0
                ? dataset.TestCases
                : throw new DatasetException(dataset.Folder, "no test set", "imagesTs with labelsTs, or cases under \"test\" in dataset.json", "Hold cases out before training; see docs/how-to/cross-validate-and-compare.md.");
        }

        var validated = options.Runs.Select(r => new RunFolder(r).ReadSplit(dataset).Validation.ToHashSet(StringComparer.Ordinal)).ToList();
        var common = dataset.Cases.Where(c => validated.All(v => v.Contains(c.Id))).ToList();
        return common.Count > 0
            ? common
            : throw new DatasetException(options.Runs[^1], "no case that validates in every run", "runs with the same validation fold, so that none has trained on the cases",
                "Give runs of one fold, or evaluate the ensemble with --split test.");
    }

    /// <summary>What of the weights was decided on the cases that are judged.</summary>
    private static string? Selection(EvaluateOptions options) => options switch
    {
        { Split: EvaluationSplit.Test } => null,
        { Checkpoint: CheckpointChoice.Best } => "the epoch of the weights was chosen on these cases, so that the figures are too good; --checkpoint last judges the last epoch",
        _ when options.Runs.Any(r => new RunFolder(r).ReadOptions().Patience is not null) => "the end of training was chosen on these cases (--patience), so that the figures may be too good",
        _ => null,
    };

    private static TestSetUse Look(EvaluateOptions options, Dataset dataset, Action<string> report, TimeProvider clock, CancellationToken cancellation)
    {
        var (contents, scans) = (new Dictionary<string, byte[]>(), new Dictionary<string, string>());
        foreach (var file in dataset.TestCases)
        {
            cancellation.ThrowIfCancellationRequested();
            report($"checking test case {contents.Count + 1} of {dataset.TestCases.Count}");
            var loaded = CaseReader.Read(dataset, file);
            contents.Add(file.Id, loaded.ContentHash);
            scans.Add(file.Id, Convert.ToHexStringLower(loaded.ScanHash));
        }

        TestScans.RefuseShared(dataset, TestScans.Hash(dataset, dataset.Cases, "training", report, cancellation), scans);
        var path = options.TestLock ?? TestLock.Beside(dataset.Folder);
        var hash = TestLock.Hash(contents);
        var looks = new TestLock(path).Look(hash, scans, $"evaluate {string.Join(", ", options.Runs)}", Program, clock);
        return new(hash, path, looks);
    }

    private static void Keep(EvaluateOptions options, string id, EnsemblePrediction prediction, IReadOnlyList<ClassDescription> classes)
    {
        switch (options.Keep)
        {
            case KeptMaps.Segmentations:
                Directory.CreateDirectory(Path.Combine(options.Output, "segmentations"));
                NiftiFile.Write(Path.Combine(options.Output, "segmentations", $"{id}.nii.gz"), prediction.Segmentation);
                break;
            case KeptMaps.Probabilities:
                Directory.CreateDirectory(Path.Combine(options.Output, ProbabilityFolder));
                foreach (var (probability, @class) in prediction.Probabilities.Zip(classes.Skip(1)))
                {
                    NiftiFile.Write(ProbabilityPath(options.Output, id, @class), probability, NiftiDataType.Int16);
                }

                break;
            default:
                break;
        }
    }
}
