using System.Text.Json;
using Credence.Models;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class ElboSweepTests
{
    /// <summary>M = 10, N = 20, V = 100: the factors are 1, 1/10, 1/20 and 1/2000.</summary>
    [Theory]
    [InlineData(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, KlScaling.PerVoxel, 1)]
    [InlineData(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, KlScaling.PerExample, 100)]
    [InlineData(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, KlScaling.PerMinibatch, 200)]
    [InlineData(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, KlScaling.Whole, 2000)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.PerMinibatch, KlScaling.PerVoxel, 0.005)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.GeometricPerMinibatch, KlScaling.PerMinibatch, 1)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.GeometricPerMinibatch, KlScaling.Whole, 10)]
    public void The_factor_of_another_unit_is_the_lambda_that_makes_it(DataTerm term, KlScaling own, KlScaling other, double temper)
    {
        var elbo = new Elbo(term, own, minibatches: 10, examples: 20, voxels: 100) { Temper = 3 };

        Assert.Equal(temper, new KlCoefficient(null, other).ResolveTemper(elbo), tolerance: 1e-12 * temper);
        Assert.Equal(0.3, new KlCoefficient(0.3, null).ResolveTemper(elbo));
    }

    [Fact]
    public void A_sweep_that_was_interrupted_ends_as_if_nothing_had_happened_and_keeps_to_its_fold_and_seed()
    {
        using var data = SmallDataset.Decathlon(cases: 6);
        using var folder = new TemporaryFolder();
        var whole = Run(Options(data, folder.File("whole")));

        using var interruption = new CancellationTokenSource();
        var steps = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => new ElboSweep(Options(data, folder.File("broken")), _ => new SilentObserver(_ =>
        {
            if (++steps == 6)
            {
                interruption.Cancel(); // inside the second epoch of the second network
            }
        }), TimeProvider.System).Run(interruption.Token));
        var resumed = Run(Options(data, folder.File("broken")));

        Assert.Equal([0, 1], whole.Points.Select(p => p.Temper));
        Assert.Equal(JsonSerializer.Serialize(whole), JsonSerializer.Serialize(resumed));
        Assert.Equal((1, 2, 7ul, 2), (whole.Fold, whole.Folds, whole.Seed, whole.Epochs));
        Assert.True(File.Exists(folder.File("whole/elbo.png")));
        Assert.Equal(("no look was ever taken", false), (whole.TestSet, whole.IsBound)); // the default loss is no log-likelihood
        var table = File.ReadAllLines(folder.File("whole/elbo.csv")).Select(l => l.Split(',')).ToList();
        Assert.Equal(3, table.Count);
        Assert.Equal(whole.Points.Select(p => p.NegativeLogLikelihood!.Mean), table.Skip(1).Select(r => double.Parse(r[table[0].IndexOf("nll")], System.Globalization.CultureInfo.InvariantCulture)));

        // The difference is that of the means: every patient has one case.
        var (zero, one) = (whole.Points[0], whole.Points[1]);
        Assert.Null(one.AgainstReference);
        Assert.Equal(zero.NegativeLogLikelihood!.Mean - one.NegativeLogLikelihood!.Mean, zero.AgainstReference!.MeanDifference, tolerance: 1e-12);
        Assert.Equal(3, zero.AgainstReference.Patients);
        Assert.Equal(CheckpointChoice.Last, EvaluationReport.Read(folder.File("whole/lambda-1")).Checkpoint);

        foreach (var (changed, difference) in new (Func<TrainingOptions, TrainingOptions>, string)[]
        {
            (o => o with { Fold = 0 }, "options.fold was 1, now 0"), (o => o with { Seed = 8 }, "options.seed was 7, now 8"), (o => o with { Epochs = 3 }, "options.epochs was 2, now 3"),
        })
        {
            var options = Options(data, folder.File("whole"));
            Assert.Contains(difference, Assert.Throws<DatasetException>(() => Run(options with { Training = changed(options.Training) })).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_coefficient_that_diverges_is_said_to_and_the_others_are_measured()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path);

        var report = Run(options with { Coefficients = [new(1e300, null), new(1, null)], Training = options.Training with { Epochs = 1 } });

        Assert.Equal([null, 1L], report.Points.Select(p => p.DivergedAt));
        Assert.Equal((1.0, "least held-out NLL at lambda = 1."), (report.Best!.Temper, report.Verdict));
        Assert.Null(report.Points[1].NegativeLogLikelihood);
    }

    [Fact]
    public void The_verdict_says_whether_the_patients_tell_the_best_from_lambda_1()
    {
        ElboReport Report(params double[][] negativeLogLikelihoods) => new()
        {
            Program = "",
            Data = "",
            DataHash = "",
            Fold = 0,
            Folds = 2,
            Seed = 1,
            Epochs = 1,
            Minutes = null,
            Objective = "",
            Minibatches = 1,
            Examples = 1,
            Voxels = 1,
            Samples = 1,
            Points = ElboPoint.Compare([.. negativeLogLikelihoods.Select((values, n) => Trial(n == 0 ? 0.1 : 1, values))]),
        };

        Assert.StartsWith("least held-out NLL at lambda = 0.1, and the patients tell it from lambda = 1 (95 % interval of the difference -0.1 to -0.1;",
            Report([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]).Verdict, StringComparison.Ordinal);
        Assert.StartsWith("least held-out NLL at lambda = 0.1, but the patients do not tell it from lambda = 1", Report([0.1, 0.2, 0.3], [0.9, 0.1, 0.2]).Verdict, StringComparison.Ordinal);
        Assert.Equal("least held-out NLL at lambda = 1.", Report([0.5, 0.6, 0.7], [0.2, 0.3, 0.4]).Verdict);
    }

    [Fact]
    public void Labels_that_have_no_room_are_left_out_but_never_that_of_lambda_1()
    {
        double[] tempers = [0.01, 0.9, 1, 1.1, 2, 100];

        Assert.Equal([1.0, 0.01, 100], ElboPlot.Labelled(tempers, Math.Log10).Take(3));
        Assert.DoesNotContain(1.1, ElboPlot.Labelled(tempers, Math.Log10));
    }

    private static ElboTrial Trial(double temper, double[] values) => new(
        new(temper, null), new Elbo(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, 1, 1, 1) { Temper = temper },
        new()
        {
            Program = "",
            Data = "",
            Split = EvaluationSplit.Validation,
            Runs = [],
            Samples = 1,
            Seed = 1,
            DataHash = "",
            Summary = [],
            Cases = [.. values.Select((v, n) => new CaseResult($"{n}", $"{n}", new Dictionary<string, double?> { ["all/nll"] = v }))],
        },
        [new EpochReport(0, 1, 0, [], 0, 0, 0, 0, null, null, [new LayerReport("a", 1, 1, 0, new("a", 10, 5, 0.5, 1, 1, 0))], true, 0)], null);

    private static ElboSweepOptions Options(SmallDataset data, string output) => new()
    {
        Training = new() { Data = data.Path, Run = "", Posterior = Posterior.MeanField, Epochs = 2, StepsPerEpoch = 2, Width = 4, BatchSize = 2, Folds = 2, Fold = 1, Seed = 7, Device = "cpu" },
        Output = output,
        Coefficients = [new(1, null), new(0, null)],
        Samples = 2,
    };

    private static ElboReport Run(ElboSweepOptions options) => new ElboSweep(options, _ => new SilentObserver(), TimeProvider.System).Run(CancellationToken.None);
}
