using Credence.Models;
using Credence.Models.Layers;
using Credence.Models.Losses;
using Credence.Trainer.Sampling;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

/// <summary>Alone, because the switch is one of the process.</summary>
[CollectionDefinition(nameof(TrainingStepTests), DisableParallelization = true)]
[Collection(nameof(TrainingStepTests))]
public sealed class TrainingStepTests
{
    /// <summary>libtorch reads the switch in the backward pass too, which begins when the forward pass has long returned.</summary>
    [Theory]
    [InlineData(ComputePrecision.Float32, false)]
    [InlineData(ComputePrecision.Tf32, true)]
    public void A_step_computes_both_directions_in_the_format_of_its_network(ComputePrecision precision, bool isOn)
    {
        using var scope = NewDisposeScope();
        long[] shape = [2, 1, 1, 1, 1];
        using var network = new Network(
            new() { InputChannels = 1, Classes = 2 },
            [new("output", new Convolution(new PointWeight(ones(shape)), shape, [1, 1, 1]), [Network.Image]), new("probe", new SwitchProbe(), [0])])
        { Precision = precision };
        var options = new TrainingOptions { Data = "", Run = "" };
        using var optimisation = new Optimisation(network, options);
        SwitchProbe.Reset();

        new TrainingStep(network, LossSum.Parse("cross-entropy"), optimisation, options, CPU).Take(new Ones(), new MeanNoise(), new(LearningRate: 0.1, DataFactor: 1, KlFactor: 0, Progress: 0));

        Assert.Equal((isOn, isOn), (SwitchProbe.Forward, SwitchProbe.Backward));
        Assert.False(backends.cudnn.allow_tf32);
    }

    private sealed class Ones : IMinibatch
    {
        public double ForegroundFraction => 1;

        public int WithForeground => 1;

        public (Tensor Images, Tensor Targets) ToTensors(Device device) => (ones([1, 1, 2, 2, 2]), ones([1, 2, 2, 2], int64));

        public void Dispose()
        {
        }
    }
}
