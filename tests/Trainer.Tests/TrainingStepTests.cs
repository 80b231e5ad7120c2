using Credence.Models;
using Credence.Models.Layers;
using Credence.Models.Losses;
using Credence.Trainer.Distributed;
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

        Step(network, optimisation, options).Take([new Ones()], NoNoise, new(LearningRate: 0.1, DataFactor: 1, KlFactor: 0, Progress: 0));

        Assert.Equal((isOn, isOn), (SwitchProbe.Forward, SwitchProbe.Backward));
        Assert.False(backends.cudnn.allow_tf32);
    }

    /// <summary>The unit of the data term moves no minimum, so it must not change what a learning rate means: to plain SGD a sum over voxels would be a step thousands of times as long.</summary>
    [Theory]
    [InlineData(OptimiserKind.Sgd)]
    [InlineData(OptimiserKind.AdamW)]
    public void The_unit_of_the_data_term_does_not_change_what_is_learnt(OptimiserKind optimiser)
    {
        IReadOnlyList<float> Learnt(double dataFactor)
        {
            using var scope = NewDisposeScope();
            using var seed = new Generator(2);
            using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Posterior = Posterior.MeanField }, seed);
            var options = new TrainingOptions { Data = "", Run = "", Optimiser = optimiser };
            using var optimisation = new Optimisation(network, options);
            var step = Step(network, optimisation, options);
            var reported = 0.0;
            foreach (var _ in Enumerable.Range(0, 3))
            {
                reported = step.Take([new Noise()], NoNoise, new(LearningRate: 0.05, dataFactor, KlFactor: 1e-6 * dataFactor, Progress: 0)).Loss;
            }

            return [.. network.parameters().SelectMany(p => p.detach().cpu().data<float>()), (float)(reported / dataFactor)];
        }

        var (mean, sum) = (Learnt(1), Learnt(8192));

        Assert.Equal(mean, sum); // exactly, because a power of 2 rounds nothing
    }

    private static StepNoise NoNoise => new(_ => new MeanNoise(), new MeanNoise());

    private static TrainingStep Step(Network network, Optimisation optimisation, TrainingOptions options) =>
        new(network, LossSum.Parse("cross-entropy"), optimisation, options, CPU, new(1), SingleProcess.Instance);

    private sealed class Noise : IMinibatch
    {
        public double ForegroundFraction => 0;

        public int WithForeground => 0;

        public (Tensor Images, Tensor Targets) ToTensors(Device device)
        {
            using var seed = new Generator(4);
            return (randn([1, 1, 8, 8, 8], generator: seed), randint(0, 2, [1, 8, 8, 8], dtype: int64, generator: seed));
        }

        public void Dispose()
        {
        }
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
