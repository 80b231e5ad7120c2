using System.Globalization;
using Credence.Models;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>A coefficient of the KL to try: a temper factor, or the factor that belongs to another unit of the data term.</summary>
/// <param name="Temper">λ; null when <paramref name="Scaling"/> says it.</param>
/// <param name="Scaling">The scaling whose factor is used with the data term of the run, although it does not belong to it; null for a temper factor.</param>
public sealed record KlCoefficient(double? Temper, KlScaling? Scaling)
{
    /// <summary>λ, so that λ times the right factor is this coefficient.</summary>
    /// <param name="elbo">The objective with the right factor.</param>
    public double ResolveTemper(Elbo elbo)
    {
        if (Temper is { } temper)
        {
            return temper;
        }

        var term = Enum.GetValues<DataTerm>().First(t => Elbo.IsBound(t, Scaling!.Value));
        return new Elbo(term, Scaling!.Value, elbo.Minibatches, elbo.Examples, elbo.Voxels).KlFactor(1) / (elbo with { Temper = 1 }).KlFactor(1);
    }
}

/// <summary>Which coefficients to compare, on what.</summary>
public sealed record ElboSweepOptions
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
public sealed class ElboSweep(ElboSweepOptions options, Func<string, ITrainingObserver> observer, TimeProvider clock)
{
    /// <summary>Trains and evaluates each coefficient, and writes the report. Runs that are done are kept, one that was interrupted goes on.</summary>
    /// <exception cref="DatasetException">The data cannot be used, the folder belongs to other settings, or the network has no Gaussian weights.</exception>
    public ElboReport Run(CancellationToken cancellation)
    {
        var training = options.Training;
        if (training.Posterior != Posterior.MeanField)
        {
            throw new DatasetException(options.Output, $"a posterior of kind {training.Posterior}, which has no KL", "a mean-field posterior", "Give --posterior mean-field.");
        }

        var dataset = Dataset.Open(training.Data);
        var (survey, plan) = Observed("data", receiver => Plan(dataset, receiver, cancellation));
        var elbo = Elbo(training, plan);
        var coefficients = options.Coefficients
            .Select(c => (Coefficient: c, Temper: c.ResolveTemper(elbo)))
            .DistinctBy(c => c.Temper).OrderBy(c => c.Temper).ToList();
        CrossValidationSettings.Of(training.Data, survey, options.Samples, training with { Temper = 0 }).Claim(options.Output);

        var points = new List<ElboPoint>();
        foreach (var (coefficient, temper) in coefficients)
        {
            var run = Path.Combine(options.Output, string.Create(CultureInfo.InvariantCulture, $"lambda-{temper:G6}"));
            var asked = training with { Run = run, Temper = temper };
            var job = CrossValidationSettings.Of(training.Data, survey, options.Samples, asked).JobHash(new(asked.Seed, asked.Fold));
            points.Add(ElboPoint.Create(coefficient, elbo with { Temper = temper }, Evaluation(asked, job, cancellation), TrainingLog.ReadEpochs(new RunFolder(run).Log)));
        }

        var report = new ElboReport
        {
            Program = RunEvaluation.Program,
            Data = training.Data,
            DataHash = survey,
            Objective = elbo.Describe(training.Loss.IsLogLikelihood),
            Minibatches = elbo.Minibatches,
            Examples = elbo.Examples,
            Voxels = elbo.Voxels,
            Samples = options.Samples,
            Points = points,
        };
        report.Write(options.Output);
        return report;
    }

    private (string DataHash, TrainingPlan Plan) Plan(Dataset dataset, ITrainingObserver receiver, CancellationToken cancellation)
    {
        var folder = new RunFolder(options.Output);
        Directory.CreateDirectory(options.Output);
        var survey = TrainingData.Survey(dataset, receiver.Preparing, cancellation);
        var training = options.Training;
        var split = FoldSplit.Create(dataset, survey.LesionVolumes, training.Folds, training.Fold, training.SplitSeed ?? training.Seed);
        var (plan, _) = TrainingData.MakePlan(dataset, survey, split, folder);
        return (survey.DataHash, plan with { BatchSize = training.BatchSize ?? plan.BatchSize });
    }

    private static Elbo Elbo(TrainingOptions training, TrainingPlan plan) => new(
        training.DataTerm, training.KlScaling ?? Models.Elbo.ScalingFor(training.DataTerm),
        training.StepsPerEpoch, (long)training.StepsPerEpoch * plan.BatchSize, plan.PatchSize.Count);

    private EvaluationReport Evaluation(TrainingOptions asked, string job, CancellationToken cancellation)
    {
        if (File.Exists(Path.Combine(asked.Run, EvaluationReport.FileName)) && EvaluationReport.Read(asked.Run) is var done && done.Job == job)
        {
            return done;
        }

        return Observed(Path.GetFileName(asked.Run), receiver =>
        {
            Directory.CreateDirectory(asked.Run);
            File.Copy(new RunFolder(options.Output).Plan, new RunFolder(asked.Run).Plan, overwrite: true); // the same plan for all
            _ = File.Exists(new RunFolder(asked.Run).LastCheckpoint)
                ? TrainingLoop.Resume(asked.Run, _ => asked, receiver, clock, cancellation)
                : TrainingLoop.Fit(asked, receiver, clock, cancellation);
            return RunEvaluation.Run(
                new() { Runs = [asked.Run], Data = asked.Data, Output = asked.Run, Samples = options.Samples, Device = asked.Device, Job = job },
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
