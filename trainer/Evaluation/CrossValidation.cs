using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>What to cross-validate.</summary>
internal sealed record CrossValidateOptions
{
    /// <summary>How each network is trained; data set, folds and split seed hold for all, run, fold and seed are set job by job.</summary>
    public required TrainingOptions Training { get; init; }

    /// <summary>Folder of the cross-validation: one run folder a job, and the report.</summary>
    public required string Output { get; init; }

    /// <summary>Seeds; every fold is trained once with each.</summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }

    /// <summary>Monte Carlo samples of the out-of-fold predictions.</summary>
    public int Samples { get; init; } = 16;

    /// <summary>The rules of the metrics, classes aside; null takes the default.</summary>
    public EvaluationOptions? Rules { get; init; }

    /// <summary>The part of the jobs that this process does.</summary>
    public Shard Shard { get; init; } = Shard.Whole;
}

/// <summary>Trains folds x seeds and judges each network on the cases it has not seen.</summary>
/// <remarks>
/// All seeds share the folds, so that seeds and cases are crossed. A job is done when its report and its out-of-fold probabilities are there; one that was
/// interrupted goes on from its last checkpoint. The last weights are judged: the best epoch is chosen on the very cases of the fold. The report is written when every job of every shard is done.
/// </remarks>
/// <param name="options">What to do.</param>
/// <param name="observer">Makes the receiver of the reports of one job.</param>
/// <param name="clock">Source of time.</param>
internal sealed class CrossValidation(CrossValidateOptions options, Func<string, ITrainingObserver> observer, TimeProvider clock)
{
    /// <summary>Does the jobs of the shard.</summary>
    /// <returns>The report; null while jobs of other shards are missing.</returns>
    /// <exception cref="DatasetException">The data cannot be used, or the folder belongs to other settings.</exception>
    public CrossValidationReport? Run(CancellationToken cancellation)
    {
        var training = options.Training;
        var dataset = Dataset.Open(training.Data);
        var survey = Observed("data", receiver => TrainingData.Survey(dataset, receiver.Preparing, cancellation));
        var settings = CrossValidationSettings.Of(training.Data, survey.DataHash, options.Samples, training with { SplitSeed = training.SplitSeed ?? 1 }) with { Rules = options.Rules };
        var jobs = new CrossValidationJobs(options.Seeds, training.Folds, options.Shard.Count);
        if (training.StartFrom is not null)
        {
            RefuseStarts(options.Shard.Select(jobs.All), settings, dataset, survey);
        }

        settings.Claim(options.Output);
        using var claim = ClaimShard();
        RefuseOtherFolds(jobs.All, settings, dataset, survey);
        var others = CrossValidationJobs.SeedsIn(options.Output).Except(options.Seeds).Order().ToList();
        jobs.Write(options.Output);
        var results = new CrossValidationResults(options.Output, settings, dataset);
        foreach (var job in options.Shard.Select(jobs.All).Where(job => results.Find(job) is null))
        {
            Train(job, settings, cancellation);
            Evaluate(job, settings, cancellation);
        }

        var report = results.Report(jobs, TestLock.Describe(training));
        if (report is not null && others.Count > 0)
        {
            Observed("report", receiver =>
            {
                receiver.Warned($"it leaves out seed{(others.Count > 1 ? "s" : "")} {string.Join(", ", others)} of {options.Output}; give --seeds {string.Join(",", others.Union(options.Seeds).Order())} for all.");
                return report;
            });
        }

        return report;
    }

    private string RunOf(CrossValidationJob job) => Path.Combine(options.Output, job.Name);

    /// <summary>Makes this process the only one at its shard, until the result is disposed or the process ends, in whatever way: then one that was requeued takes over.</summary>
    private FileStream ClaimShard() => OutputFile.TryClaim(Path.Combine(options.Output, $".lock{options.Shard.Suffix}"))
        ?? throw new DatasetException(options.Output, $"a cross-validation of which another process does shard {options.Shard}", "one process a shard", "Wait until it ends, or share the networks with --shard.");

    private void Train(CrossValidationJob job, CrossValidationSettings settings, CancellationToken cancellation)
    {
        var run = RunOf(job);
        var asked = options.Training with { Run = run, Seed = job.Seed, Fold = job.Fold, SplitSeed = settings.Options.SplitSeed };
        Observed(job.Name, receiver => HasBegun(job)
            ? TrainingLoop.Resume(run, begun => asked with { StartFrom = begun.StartFrom }, receiver, clock, cancellation)
            : TrainingLoop.Fit(asked with { StartFrom = StartOf(job, settings) }, receiver, clock, cancellation));
    }

    private bool HasBegun(CrossValidationJob job) => File.Exists(new RunFolder(RunOf(job)).LastCheckpoint);

    /// <summary>Refuses networks whose fold holds other cases now: patients decide who is with whom, and are no part of the settings.</summary>
    private void RefuseOtherFolds(IEnumerable<CrossValidationJob> jobs, CrossValidationSettings settings, Dataset dataset, FingerprintBuilder survey)
    {
        foreach (var job in jobs.Where(HasBegun))
        {
            var fold = FoldSplit.Create(dataset, survey.LesionVolumes, options.Training.Folds, job.Fold, settings.Options.SplitSeed!.Value).Validation;
            if (new RunFolder(RunOf(job)).ReadSplit(dataset).Validation.Except(fold).FirstOrDefault() is { } other)
            {
                throw new DatasetException(RunOf(job), $"a network that is judged on case {other}, which is in another fold now", "the folds that the cross-validation was started with",
                    $"Restore \"patients\" in {Dataset.DescriptionFile}, or give another folder with --out.");
            }
        }
    }

    /// <summary>Finds out before the first training whether the last one can start.</summary>
    private void RefuseStarts(IEnumerable<CrossValidationJob> jobs, CrossValidationSettings settings, Dataset dataset, FingerprintBuilder survey)
    {
        foreach (var job in jobs.Where(j => !HasBegun(j)))
        {
            FoldSplit.Create(dataset, survey.LesionVolumes, options.Training.Folds, job.Fold, settings.Options.SplitSeed!.Value).Remember(survey.ScanHashes, StartOf(job, settings));
        }
    }

    /// <summary>The network that a job starts from: of a cross-validation that of the same seed and fold, which has not seen the cases of the fold either.</summary>
    /// <exception cref="DatasetException">The start is a cross-validation of other data or folds, or that network of it is not done.</exception>
    private string? StartOf(CrossValidationJob job, CrossValidationSettings settings)
    {
        if (options.Training.StartFrom is not { } start || !File.Exists(Path.Combine(start, CrossValidationJobs.FileName)))
        {
            return options.Training.StartFrom;
        }

        static string Folds(CrossValidationSettings s) => FormattableString.Invariant($"{s.Options.Folds} folds, split with seed {s.Options.SplitSeed}");
        var other = CrossValidationSettings.Read(start);
        if (other.DataHash != settings.DataHash)
        {
            throw new DatasetException(start, $"a cross-validation of data {other.DataHash[..16]}", $"data {settings.DataHash[..16]}", "Of other data, give one of its networks, from which all start.");
        }

        if (Folds(other) != Folds(settings))
        {
            throw new DatasetException(start, $"a cross-validation of {Folds(other)}", Folds(settings), "Its networks have seen the cases that they would be judged on; start from one of the same folds.");
        }

        var run = Path.Combine(start, job.Name);
        return File.Exists(Path.Combine(run, EvaluationReport.FileName)) && new RunFolder(run).LastCheckpoint is var last && File.Exists(last)
            ? last
            : throw new DatasetException(run, "no network that is trained and judged", "one to start from for each seed and fold", "Train it first, or give the seeds that are there with --seeds.");
    }

    private void Evaluate(CrossValidationJob job, CrossValidationSettings settings, CancellationToken cancellation) => Observed(job.Name, receiver => RunEvaluation.Run(
        new()
        {
            Runs = [RunOf(job)],
            Data = options.Training.Data,
            Output = RunOf(job),
            Checkpoint = CheckpointChoice.Last,
            Samples = options.Samples,
            Rules = options.Rules,
            TestLock = options.Training.TestLock,
            Device = options.Training.Device,
            Keep = KeptMaps.Probabilities,
            Job = settings.JobHash(job),
        }, receiver.Preparing, clock, cancellation));

    private T Observed<T>(string name, Func<ITrainingObserver, T> work)
    {
        var receiver = observer(name);
        try
        {
            return work(receiver);
        }
        finally
        {
            (receiver as IDisposable)?.Dispose();
        }
    }
}
