using System.Text.Json;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Models.Losses;
using Credence.Models.Priors;
using Credence.Trainer.Distributed;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Distributed;

/// <summary>N processes are one process with their examples together. In float64, so that rounding hides nothing; threads stand for processes.</summary>
public sealed class DataParallelTests
{
    private const double Tolerance = 1e-10;
    private const int Steps = 6; // twenty of them under mpirun: MpirunTests

    /// <summary>Oracle: the same options in one process.</summary>
    [Theory]
    [InlineData(2, 4, Posterior.Plain, "dice + cross-entropy", DataTerm.MeanPerVoxel)]
    [InlineData(2, 4, Posterior.Plain, "dice(batch) + hard-negatives", DataTerm.MinibatchSum)]
    [InlineData(3, 4, Posterior.Plain, "weighted-cross-entropy + focal + avuc", DataTerm.MeanPerVoxel)]
    [InlineData(2, 3, Posterior.ChannelDropout, "dice + cross-entropy", DataTerm.MeanPerExample)]
    [InlineData(2, 3, Posterior.MeanField, "dice + cross-entropy", DataTerm.MeanPerVoxel)]
    [InlineData(3, 5, Posterior.MeanField, "dice(batch) + cross-entropy", DataTerm.DataSetSum)]
    [InlineData(2, 3, Posterior.MeanField, "cross-entropy", DataTerm.MinibatchSum, WeightEstimator.Flipout, PriorKind.ScaleMixture)]
    [InlineData(2, 2, Posterior.MeanField, "cross-entropy", DataTerm.MeanPerVoxel, WeightEstimator.LocalReparameterisation)]
    public void Processes_learn_what_one_learns(
        int processes, int batch, Posterior posterior, string loss, DataTerm term,
        WeightEstimator estimator = WeightEstimator.Reparameterisation, PriorKind prior = PriorKind.Gaussian)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("one")) with { BatchSize = batch, Posterior = posterior, Loss = LossSum.Parse(loss), DataTerm = term };
        options = options with { Network = options.Network with { Estimator = estimator, Prior = prior } };

        Fit(1, options);
        Fit(processes, options with { Run = folder.File("several") });

        AssertSame(folder.File("one"), folder.File("several"));
    }

    /// <summary>Oracle: the same options in one pass.</summary>
    [Theory]
    [InlineData(1, 2, 4, Posterior.Plain)]
    [InlineData(1, 3, 5, Posterior.MeanField)]
    [InlineData(2, 2, 5, Posterior.ChannelDropout)]
    public void Passes_learn_what_one_pass_learns(int processes, int passes, int batch, Posterior posterior)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("one")) with { BatchSize = batch, Posterior = posterior };

        Fit(1, options);
        Fit(processes, options with { Run = folder.File("several"), Accumulate = passes });

        AssertSame(folder.File("one"), folder.File("several"));
    }

    [Fact]
    public void Independent_weights_differ_between_processes_and_are_a_mean_over_draws()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("shared")) with { Posterior = Posterior.MeanField, StepsPerEpoch = 1, BatchSize = 2 };

        Fit(2, options);
        Fit(2, options with { Run = folder.File("independent"), WeightNoise = WeightNoise.Independent });
        Fit(2, options with { Run = folder.File("again"), WeightNoise = WeightNoise.Independent });

        Assert.NotEqual(Log(folder.File("shared"))[0].Loss, Log(folder.File("independent"))[0].Loss);
        Assert.Equal(Log(folder.File("shared"))[0].Kl, Log(folder.File("independent"))[0].Kl); // counted once, whoever draws
        Assert.Equal(Log(folder.File("again"))[0].Loss, Log(folder.File("independent"))[0].Loss);
    }

    /// <summary>Another number of processes goes on where the first ones stopped.</summary>
    [Fact]
    public void A_run_goes_on_with_another_number_of_processes()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("one")) with { Posterior = Posterior.MeanField, StepsPerEpoch = Steps / 2, Epochs = 2, BatchSize = 3 };
        Fit(1, options);

        var broken = options with { Run = folder.File("several") };
        Assert.Contains("holds everything after 5 steps", Assert.Throws<AgreedFailureException>(() => Fit(3, broken, stopAt: 4)).Message, StringComparison.Ordinal);
        OnProcesses(2, group => TrainingLoop.Resume(broken.Run, o => o, new SilentObserver(), TimeProvider.System, CancellationToken.None, group));

        AssertSame(folder.File("one"), broken.Run);
    }

    /// <summary>Oracle: the run that nobody interrupted; the weights and the optimiser of every process come back.</summary>
    [Fact]
    public void Elastic_averaging_goes_on_bit_for_bit_with_the_same_number_of_processes_only()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("whole")) with { StepsPerEpoch = Steps / 2, Epochs = 2, ElasticPeriod = 2, LearningRate = 1e-2 };
        Fit(2, options);

        var broken = options with { Run = folder.File("broken") };
        Assert.Throws<AgreedFailureException>(() => Fit(2, broken, stopAt: 3));
        void Resume(int processes) => OnProcesses(processes, group => TrainingLoop.Resume(broken.Run, o => o, new SilentObserver(), TimeProvider.System, CancellationToken.None, group));
        Assert.Contains("the weights of 2 processes with elastic averaging; expected those of the 3 that go on. Start 2 processes", Assert.Throws<AgreedFailureException>(() => Resume(3)).Message, StringComparison.Ordinal);
        Resume(2);

        var (whole, resumed) = (Weights(options.Run), Weights(broken.Run));
        Assert.Contains("elastic/1/weights", whole.Keys);
        Assert.NotEqual(whole["elastic/0/weights"], whole["elastic/1/weights"]);
        Assert.All(whole, w => Assert.Equal(w.Value, resumed[w.Key]));
    }

    [Fact]
    public void Processes_that_disagree_are_refused_with_the_difference()
    {
        using var data = SmallDataset.Decathlon();
        using var other = SmallDataset.Decathlon();
        File.Copy(other.File("labelsTr/case0.nii.gz"), other.File("labelsTr/case1.nii.gz"), overwrite: true);
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path);
        string Refusal(Func<TrainingOptions, TrainingOptions> change) => Assert.Throws<AgreedFailureException>(() =>
            OnProcesses(2, group => TrainingLoop.Fit(group.Rank == 0 ? options : change(options), new SilentObserver(), TimeProvider.System, CancellationToken.None, group))).Message;

        Assert.Matches(@"^error: training on several processes: process 1 of 2 on .+ has seed 2; expected 1, as process 0 of 2 on .+ has\. Start every process", Refusal(o => o with { Seed = 2 }));
        Assert.Contains("has loss \"focal(gamma=2)\"; expected \"dice + cross-entropy\", as", Refusal(o => o with { Loss = LossSum.Parse("focal(gamma=2)") }), StringComparison.Ordinal);
        Assert.Matches(@"process 1 of 2 on .+ has data [0-9a-f]{64}; expected [0-9a-f]{64}, as process 0 ", Refusal(o => o with { Data = other.Path }));
        Assert.Contains("process 1 of 2 on", Refusal(o => o with { Data = other.File("absent") }), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path, "*.safetensors"));

        // What no test can make differ: the builds of two machines.
        Assert.Matches("process 1 of 2 on .+ has program 0\\.1\\.1; expected 0\\.1\\.0, as process 0 ", Assert.Throws<AgreedFailureException>(() => OnProcesses(2, group =>
        {
            group.RequireSame(new Dictionary<string, string> { ["program"] = group.Rank == 0 ? "0.1.0" : "0.1.1" });
            return true;
        })).Message);
    }

    /// <summary>All processes must find the same, whatever signal each of them got: those that go on to write a checkpoint wait for each other.</summary>
    [Theory]
    [InlineData(true, true, true)]
    [InlineData(false, true, true)]
    [InlineData(true, false, false)]
    public void An_interruption_is_one_where_nothing_else_failed(bool firstIsInterrupted, bool secondIsInterrupted, bool isInterruption)
    {
        var found = new bool[2];
        OnProcesses(2, group =>
        {
            var isInterrupted = group.Rank == 0 ? firstIsInterrupted : secondIsInterrupted;
            found[group.Rank] = Assert.Throws<AgreedFailureException>(() => group.Together<int>(() =>
                isInterrupted ? throw new OperationCanceledException() : group.Rank == 1 ? throw new IOException("disk") : 0)).IsInterruption;
            return true;
        });
        Assert.Equal([isInterruption, isInterruption], found);
    }

    [Theory]
    [InlineData(2, 1, "top-k", "the loss top-k(percent=10), dealt out to 2 processes and 1 passes a step; expected losses whose parts add up")]
    [InlineData(1, 2, "dice(batch)", "the loss dice(batch), dealt out to 1 processes and 2 passes a step")]
    [InlineData(3, 1, "dice", "minibatches of 2, dealt out to 3 processes and 1 passes a step; expected an example at least for each.")]
    public void What_cannot_be_dealt_out_is_refused(int processes, int passes, string loss, string expected)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path) with { BatchSize = 2, Loss = LossSum.Parse(loss), Accumulate = passes };

        Assert.Contains(expected, Assert.ThrowsAny<Exception>(() => Fit(processes, options)).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path, "*.safetensors"));
    }

    private static TrainingOptions Options(SmallDataset data, string run) => new()
    {
        Data = data.Path,
        Run = run,
        Epochs = 1,
        StepsPerEpoch = Steps,
        Width = 4,
        BatchSize = 4,
        Device = "cpu",
        LearningRate = 1e-3,
        Precision = ComputePrecision.Float64,
    };

    private static void Fit(int processes, TrainingOptions options, long? stopAt = null) => OnProcesses(processes, group =>
    {
        using var stop = new CancellationTokenSource();
        var observer = new Evaluation.SilentObserver(step =>
        {
            if (step.Step == stopAt)
            {
                stop.Cancel();
            }
        });
        return TrainingLoop.Fit(options, observer, TimeProvider.System, stop.Token, group);
    });

    private static void OnProcesses<T>(int processes, Func<IProcessGroup, T> body)
    {
        try
        {
            Rendezvous.Run(processes, (meeting, rank) => body(processes == 1 ? SingleProcess.Instance : new ThreadGroup(meeting, rank, processes)));
        }
        catch (AggregateException e)
        {
            throw e.InnerExceptions[0];
        }
    }

    private static void AssertSame(string expected, string actual)
    {
        var (one, several) = (Weights(expected), Weights(actual));
        Assert.Equal(one.Keys, several.Keys);
        Assert.All(one, w => Assert.True(w.Value.Zip(several[w.Key], (a, b) => Math.Abs(a - b)).Max() <= Tolerance, w.Key));

        Assert.Equal(Steps, Log(actual).Count);
        foreach (var (a, b) in Log(expected).Zip(Log(actual)))
        {
            Assert.Equal(a.LearningRate, b.LearningRate);
            Assert.Equal(a.ForegroundFraction, b.ForegroundFraction, 1e-12);
            foreach (var (x, y) in new[] { (a.Loss, b.Loss), (a.NegativeLogLikelihood, b.NegativeLogLikelihood), (a.Kl, b.Kl), (a.DataGradientNorm, b.DataGradientNorm), (a.KlGradientNorm, b.KlGradientNorm), (a.GradientCosine ?? 0, b.GradientCosine ?? 0) })
            {
                Assert.Equal(x, y, 1e-8 * Math.Max(1, Math.Abs(x)));
            }
        }

        foreach (var (a, b) in TrainingLog.ReadEpochs(Path.Combine(expected, "log.jsonl")).Zip(TrainingLog.ReadEpochs(Path.Combine(actual, "log.jsonl"))))
        {
            Assert.Equal(a.ValidationDice, b.ValidationDice);
            Assert.Equal(a.ValidationNegativeLogLikelihood, b.ValidationNegativeLogLikelihood, 1e-6);
            Assert.Equal(a.FirstSeenLoss!.Value, b.FirstSeenLoss!.Value, 1e-8);
            Assert.Equal(a.PatchesWithForeground, b.PatchesWithForeground, 1e-12);
        }
    }

    private static IReadOnlyList<StepReport> Log(string run) => TrainingLog.ReadSteps(Path.Combine(run, "log.jsonl"));

    private static SortedDictionary<string, double[]> Weights(string run)
    {
        using var scope = NewDisposeScope();
        var (tensors, _) = SafetensorsFile.Read(Path.Combine(run, "last.safetensors"));
        return new(tensors.Where(t => t.Value.is_floating_point()).ToDictionary(t => t.Key, t => t.Value.to(float64).data<double>().ToArray()));
    }
}
