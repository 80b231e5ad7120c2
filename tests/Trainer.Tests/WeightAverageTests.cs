using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class WeightAverageTests
{
    /// <summary>Oracle: the recurrence on plain numbers, in double.</summary>
    [Fact]
    public void The_average_follows_its_recurrence_and_the_weights_come_back_to_the_bit()
    {
        using var scope = NewDisposeScope();
        using var seed = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2 }, seed);
        using var average = new WeightAverage(network, 0.9);
        var parameter = network.parameters().First();
        double expected = parameter.flatten()[0].item<float>();
        for (var step = 0; step < 30; step++)
        {
            using (no_grad())
            {
                parameter.add_(0.1 * step);
            }

            var decay = Math.Min(0.9, (1.0 + step) / (10 + step));
            expected = decay * expected + (1 - decay) * parameter.flatten()[0].item<float>();
            average.Update(step);
        }

        var weights = network.parameters().Select(p => p.detach().clone()).ToList();
        Assert.Equal(expected, average.While(_ => (double)parameter.flatten()[0].item<float>()), tolerance: 1e-4);
        Assert.All(network.parameters().Zip(weights), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
    }

    /// <summary>Averaged weights see other activations than the raw ones, so raw running statistics would not fit them.</summary>
    [Fact]
    public void Running_statistics_are_averaged_saved_and_restored_like_weights()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var seed = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Norm = NormKind.Batch }, seed);
        using var average = new WeightAverage(network, 0.9);
        var statistics = network.named_buffers().Single(b => b.name == "encoder0_conv0_norm.runningMean").buffer;
        double expected = 0;
        for (var step = 0; step < 5; step++)
        {
            network.Run(3 + randn([2, 1, 8, 8, 8], generator: seed), new TrainingNoise(seed, CPU)).Dispose(); // moves them
            var decay = (1.0 + step) / (10 + step);
            expected = decay * expected + (1 - decay) * statistics[0].item<float>();
            average.Update(step);
        }

        var raw = statistics[0].item<float>();
        Assert.NotEqual(expected, raw, tolerance: 1e-4);
        Assert.Equal(expected, average.While(_ => (double)statistics[0].item<float>()), tolerance: 1e-5);
        Assert.Equal(raw, statistics[0].item<float>());

        var averages = average.While(inTraining =>
        {
            Checkpoint.Save(folder.File("last.safetensors"), network, inTraining, new Dictionary<string, string>());
            return network.named_buffers().Select(b => b.buffer.clone().MoveToOuterDisposeScope()).ToList();
        });
        using var checkpoint = Checkpoint.Load(folder.File("last.safetensors"));
        using var resumed = checkpoint.BuildNetwork();
        using var again = new WeightAverage(resumed, 0.9);
        Assert.All(averages.Zip(resumed.named_buffers()), pair => Assert.True(pair.First.equal(pair.Second.buffer).all().item<bool>(), pair.Second.name));
        again.Restore(checkpoint);
        Assert.All(network.named_buffers().Zip(resumed.named_buffers()), pair => Assert.True(pair.First.buffer.equal(pair.Second.buffer).all().item<bool>(), pair.First.name));
        Assert.Equal(expected, again.While(_ => (double)resumed.named_buffers().Single(b => b.name == "encoder0_conv0_norm.runningMean").buffer[0].item<float>()), tolerance: 1e-5);
    }

    [Fact]
    public void It_owns_its_tensors_and_gives_them_back()
    {
        using var seed = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2 }, seed);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        using (var average = new WeightAverage(network, 0.99))
        {
            average.Update(0);
            average.While(_ => 0);
            Assert.NotEqual(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
