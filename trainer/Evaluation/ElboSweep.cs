using System.Globalization;
using Credence.Models;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>Which coefficients to compare, on what.</summary>
internal sealed record ElboSweepOptions
{
    /// <summary>How each network is trained; run and temper are set coefficient by coefficient.</summary>
    public required TrainingOptions Training { get; init; }

    /// <summary>Folder of the sweep: one run folder a coefficient, and the report.</summary>
    public required string Output { get; init; }

    /// <summary>The coefficients.</summary>
    public required IReadOnlyList<KlCoefficient> Coefficients { get; init; }

    /// <summary>Monte Carlo samples of the held-out predictions.</summary>
    public int Samples { get; init; } = 16;
}

/// <summary>Answers "which coefficient of the KL?" by measurement: short runs that differ in nothing else, compared on the held-out fold.</summary>
/// <param name="options">What to do.</param>
/// <param name="observer">Makes the receiver of the reports of one run.</param>
/// <param name="clock">Source of time.</param>
internal sealed class ElboSweep(ElboSweepOptions options, Func<string, ITrainingObserver> observer, TimeProvider clock)
{
    /// <summary>Trains and evaluates each coefficient, and writes the report. Runs that are done are kept, one that was interrupted goes on, and one that diverges is reported as such.</summary>
    /// <exception cref="DatasetException">The data cannot be used, the folder belongs to other settings, or the network has no Gaussian weights.</exception>
    public ElboReport Run(CancellationToken cancellation)
    {
        var training = options.Training;
        if (training.Posterior != Posterior.MeanField)
        {
            throw new DatasetException(options.Output, $"a posterior of kind {training.Posterior}, which has no KL", "a mean-field posterior", "Give --posterior mean-field.");
        }

        var dataset = Dataset.Open(training.Data);
        var survey = Observed("data", receiver => TrainingData.Survey(dataset, receiver.Preparing, cancellation));
        Settings(survey, training with { Temper = 0 }).Claim(options.Output);
        using var claim = new RunFolder(options.Output).Claim();
        var (_, plan, _) = TrainingData.Begin(training, dataset, survey, new RunFolder(options.Output));
        var elbo = Elbo(training, plan);
        var trials = new List<ElboTrial>();
        foreach (var (coefficient, temper) in options.Coefficients.Select(c => (Coefficient: c, Temper: c.ResolveTemper(elbo))).DistinctBy(c => c.Temper).OrderBy(c => c.Temper))
        {
            trials.Add(Try(coefficient, elbo with { Temper = temper }, survey, cancellation));
        }

        var likelihood = Likelihood.Of(training.Loss, TrainingLoop.NetworkOptions(training, plan), training.ForegroundProbability);
        var report = new ElboReport
        {
            Program = RunEvaluation.Program,
            Data = training.Data,
            DataHash = survey.DataHash,
            Fold = training.Fold,
            Folds = training.Folds,
            Seed = training.Seed,
            Epochs = training.Epochs,
            Minutes = training.Minutes,
            Objective = elbo.Describe(likelihood),
            IsBound = likelihood.IsOfDataSet,
            TestSet = TestLock.Describe(training),
            Minibatches = elbo.Minibatches,
            Examples = elbo.Examples,
            Voxels = elbo.Voxels,
            Samples = options.Samples,
            Points = ElboPoint.Compare(trials),
        };
        report.Write(options.Output);
        return report;
    }

    /// <summary>What belongs to one sweep: unlike in a cross-validation, fold and seed are part of it.</summary>
    private CrossValidationSettings Settings(FingerprintBuilder survey, TrainingOptions training)
    {
        var settings = CrossValidationSettings.Of(training.Data, survey.DataHash, options.Samples, training);
        return settings with { Options = settings.Options with { Fold = training.Fold, Seed = training.Seed } };
    }

    private static Elbo Elbo(TrainingOptions training, TrainingPlan plan) => new(
        training.DataTerm, training.KlScaling ?? Models.Elbo.ScalingFor(training.DataTerm),
        training.StepsPerEpoch, (long)training.StepsPerEpoch * plan.BatchSize, plan.PatchSize.Count);

    private ElboTrial Try(KlCoefficient coefficient, Elbo elbo, FingerprintBuilder survey, CancellationToken cancellation)
    {
        var run = Path.Combine(options.Output, string.Create(CultureInfo.InvariantCulture, $"lambda-{elbo.Temper:R}"));
        var asked = options.Training with { Run = run, Temper = elbo.Temper };
        var job = Settings(survey, asked).JobHash(new(asked.Seed, asked.Fold));
        try
        {
            return new(coefficient, elbo, Evaluation(asked, job, cancellation), TrainingLog.ReadEpochs(new RunFolder(run).Log), null);
        }
        catch (DivergedException e)
        {
            return new(coefficient, elbo, null, [], e.Step);
        }
    }

    private EvaluationReport Evaluation(TrainingOptions asked, string job, CancellationToken cancellation)
    {
        if (File.Exists(Path.Combine(asked.Run, EvaluationReport.FileName)) && EvaluationReport.Read(asked.Run) is var done && done.Job == job)
        {
            return done;
        }

        return Observed(Path.GetFileName(asked.Run), receiver =>
        {
            new RunFolder(asked.Run).Write(TrainingPlan.Read(new RunFolder(options.Output).Plan)); // the same for all
            _ = File.Exists(new RunFolder(asked.Run).LastCheckpoint)
                ? TrainingLoop.Resume(asked.Run, _ => asked, receiver, clock, cancellation)
                : TrainingLoop.Fit(asked, receiver, clock, cancellation);
            return RunEvaluation.Run(
                new() { Runs = [asked.Run], Data = asked.Data, Output = asked.Run, Checkpoint = CheckpointChoice.Last, Samples = options.Samples, Device = asked.Device, Job = job, TestLock = asked.TestLock },
                receiver.Preparing, clock, cancellation);
        });
    }

    private T Observed<T>(string name, Func<ITrainingObserver, T> work)
    {
        var receiver = observer(name);
        using (receiver as IDisposable)
        {
            return work(receiver);
        }
    }
}
