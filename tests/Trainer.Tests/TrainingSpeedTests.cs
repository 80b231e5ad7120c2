using Credence.Models;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

/// <summary>What is done for speed must change nothing else.</summary>
public sealed class TrainingSpeedTests
{
    [Fact]
    public void Hundreds_of_steps_hold_no_more_tensors_than_a_few()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var counts = new List<long>();
        var options = Options(data, folder.Path) with { Posterior = Posterior.MeanField, StepsPerEpoch = 500, BatchSize = 1, Width = 2 };

        TrainingLoop.Fit(options, new Watch(_ => counts.Add(DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount)), TimeProvider.System, CancellationToken.None);

        Assert.Equal(500, counts.Count);
        Assert.All(counts.Skip(1), count => Assert.Equal(counts[1], count)); // the first step makes the optimiser's state
    }

    [Fact]
    public void Workers_change_the_speed_alone()
    {
        using var data = SmallDataset.Decathlon();
        List<double> Losses(int workers)
        {
            using var folder = new TemporaryFolder();
            var losses = new List<double>();
            TrainingLoop.Fit(Options(data, folder.Path) with { SamplingWorkers = workers }, new Watch(s => losses.Add(s.Loss)), TimeProvider.System, CancellationToken.None);
            return losses;
        }

        Assert.Equal(Losses(1), Losses(3));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData(Cuda.Name)]
    public void Bfloat16_learns_the_same_thing_and_not_the_same_bits(string device)
    {
        Cuda.DeviceOrSkip(device);
        using var data = SmallDataset.Decathlon();
        (double Dice, List<double> Losses) Run(ComputePrecision precision)
        {
            using var folder = new TemporaryFolder();
            var losses = new List<double>();
            var options = Options(data, folder.Path) with { Precision = precision, StepsPerEpoch = 40, Width = 16, LearningRate = 5e-3, Device = device };
            var result = TrainingLoop.Fit(options, new Watch(s => losses.Add(s.Loss)), TimeProvider.System, CancellationToken.None);
            return (result.BestDice, losses);
        }

        var (full, half) = (Run(ComputePrecision.Float32), Run(ComputePrecision.Bfloat16));

        Assert.NotEqual(full.Losses, half.Losses);
        Assert.InRange(full.Dice, 0.8, 1);
        Assert.Equal(full.Dice, half.Dice, tolerance: 0.05);
    }

    [Fact]
    public void Every_step_says_how_long_it_waited_and_computed()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        TrainingLoop.Fit(Options(data, folder.Path), new Watch(step =>
        {
            Assert.True(step.WaitSeconds >= 0 && step.StepSeconds > 0);
            Assert.True(step.WaitSeconds + step.StepSeconds <= step.Seconds);
        }), TimeProvider.System, CancellationToken.None);
    }

    private static TrainingOptions Options(SmallDataset data, string run) =>
        new() { Data = data.Path, Run = run, Epochs = 1, StepsPerEpoch = 4, Width = 4, BatchSize = 2, Device = "cpu" };

    private sealed class Watch(Action<StepReport> onStep) : ITrainingObserver
    {
        public void Preparing(string what)
        {
        }

        public void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources)
        {
        }

        public void Warned(string warning)
        {
        }

        public void Stepped(StepReport report, double progress) => onStep(report);

        public void Validated(EpochReport report)
        {
        }
    }
}
