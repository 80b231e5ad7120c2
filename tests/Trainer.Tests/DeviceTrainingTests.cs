using Credence.Models;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

/// <summary>Training on a CUDA device, against training on the host. Alone, because one test counts the tensors of the whole process.</summary>
[CollectionDefinition(nameof(DeviceTrainingTests), DisableParallelization = true)]
[Collection(nameof(DeviceTrainingTests))]
public sealed class DeviceTrainingTests
{
    /// <summary>The minibatches and the start are the same on both, so the first steps differ by rounding alone.</summary>
    [Fact]
    public void The_first_steps_are_those_of_the_host()
    {
        Cuda.DeviceOrSkip(Cuda.Name);
        using var data = SmallDataset.Decathlon();

        var (host, device) = (Losses(data, "cpu"), Losses(data, Cuda.Name));

        Assert.Equal(6, device.Count);
        Assert.All(host.Zip(device), pair => Assert.Equal(pair.First, pair.Second, 2e-3 * Math.Abs(pair.First)));
        Assert.Equal(host[0], device[0], 1e-4 * Math.Abs(host[0]));
    }

    [Theory]
    [InlineData(Posterior.Plain)]
    [InlineData(Posterior.ChannelDropout)]
    [InlineData(Posterior.MeanField)]
    public void A_run_learns_goes_on_after_an_interruption_and_is_read_on_the_host(Posterior posterior)
    {
        Cuda.DeviceOrSkip(Cuda.Name);
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path, Cuda.Name) with { Posterior = posterior, StepsPerEpoch = 30, Width = 8, LearningRate = 5e-3 };
        var losses = new List<double>();
        TrainingLoop.Fit(options, new Watch(losses), TimeProvider.System, CancellationToken.None);

        var result = TrainingLoop.Resume(folder.Path, o => o with { Epochs = 2 }, new Watch(losses), TimeProvider.System, CancellationToken.None);

        Assert.Equal(60, losses.Count);
        Assert.True(losses.TakeLast(5).Average() < 0.7 * losses.Take(5).Average(), $"{losses.Take(5).Average()} -> {losses.TakeLast(5).Average()}");
        var onHost = TrainingLoop.Resume(folder.Path, o => o with { Epochs = 3, Device = "cpu" }, new Watch(losses), TimeProvider.System, CancellationToken.None);
        Assert.Equal(90, onHost.Steps);
        Assert.InRange(result.BestDice, 0.5, 1);
    }

    /// <summary>Counted over all threads: workers pin blocks, and the thread that trains frees them.</summary>
    [Fact]
    public void Hundreds_of_steps_hold_no_more_tensors_than_a_few()
    {
        Cuda.DeviceOrSkip(Cuda.Name);
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var counts = new List<long>();
        var options = Options(data, folder.Path, Cuda.Name) with { Posterior = Posterior.MeanField, StepsPerEpoch = 500, BatchSize = 1, Width = 2 };

        TrainingLoop.Fit(options, new Watch([], _ => counts.Add(Tensor.TotalCount)), TimeProvider.System, CancellationToken.None);

        // Minibatches that wait hold a few tensors, more or fewer from step to step; a leak would add 100 steps' worth.
        Assert.Equal(500, counts.Count);
        Assert.InRange(counts.Skip(400).Max() - counts.Skip(1).Take(100).Max(), long.MinValue, 20);
    }

    private static List<double> Losses(SmallDataset data, string device)
    {
        using var folder = new TemporaryFolder();
        var losses = new List<double>();
        TrainingLoop.Fit(Options(data, folder.Path, device) with { StepsPerEpoch = 6 }, new Watch(losses), TimeProvider.System, CancellationToken.None);
        return losses;
    }

    private static TrainingOptions Options(SmallDataset data, string run, string device) =>
        new() { Data = data.Path, Run = run, Epochs = 1, StepsPerEpoch = 4, Width = 4, BatchSize = 2, Device = device };

    private sealed class Watch(List<double> losses, Action<StepReport>? onStep = null) : ITrainingObserver
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

        public void Stepped(StepReport report, double progress)
        {
            losses.Add(report.Loss);
            onStep?.Invoke(report);
        }

        public void Validated(EpochReport report)
        {
        }
    }
}
