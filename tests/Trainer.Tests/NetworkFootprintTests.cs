using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Tests;

public sealed class NetworkFootprintTests
{
    /// <summary>Oracle: the tensors of a small U-Net written out by hand.</summary>
    [Fact]
    public void Activations_are_those_that_the_layers_keep()
    {
        using var generator = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 16, Strides = [[2, 2, 2]] }, generator);

        var footprint = NetworkFootprint.Count(network, batch: 2, new(8, 8, 8), optimiserStates: 2);

        const int Full = 2 * 512, Half = 2 * 64; // voxels of two patches at both levels
        var encoder = 6 * 16 * Full + 6 * 32 * Half; // convolution, norm and activation, twice a stage
        var decoder = 32 * Full + 6 * 16 * Full; // joined skip and upsampled, then a stage; the upsampled tensor itself is only copied
        var loss = 6 * 2 * Full; // the logits, which no layer reads, are among these
        var gradients = 3 * 32 * Full; // the joined tensor is the largest
        Assert.Equal(4L * (encoder + decoder + loss + gradients), footprint.ActivationBytes);
        Assert.Equal(network.parameters().Sum(p => p.numel()), footprint.Parameters);
        Assert.Equal(8 * footprint.Parameters, footprint.ParameterBytes);
        Assert.Equal(8 * footprint.Parameters, footprint.OptimiserBytes);
    }

    /// <summary>Oracle: the copies written out by hand, against the same network without them.</summary>
    [Fact]
    public void Copies_with_whole_blocks_of_channels_are_counted()
    {
        using var generator = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 4, Strides = [[2, 2, 2]] }, generator);

        var footprint = NetworkFootprint.Count(network, batch: 2, new(8, 8, 8), optimiserStates: 2);

        const int Full = 2 * 512, Half = 2 * 64;
        var layers = 6 * 4 * Full + 6 * 8 * Half + 8 * Full + 6 * 4 * Full + 6 * 2 * Full + 3 * 8 * Full;
        var inputs = 16 * (4 * Full + 2 * Half); // of the second convolution, the strided one, both of the decoder; of the lowest, and of the way up
        var outputs = 12 * 4 * Full + 8 * 2 * Half; // of four channels, and of eight; the first convolution and the last are not filled
        Assert.Equal(4L * (layers + inputs + outputs), footprint.ActivationBytes);
    }

    /// <summary>Oracle: what autograd keeps of the second operation, written out by hand for two Gaussian layers of 16 channels and the output.</summary>
    [Theory]
    [InlineData(WeightEstimator.Reparameterisation, 0)]
    [InlineData(WeightEstimator.Flipout, 32 + 16 + 16)]
    [InlineData(WeightEstimator.LocalReparameterisation, 32 + 16 + 16 + 3 * (16 + 16 + 2))]
    public void The_second_operation_of_an_estimator_is_counted(WeightEstimator estimator, int channels)
    {
        using var generator = new Generator(1);
        NetworkOptions options = new() { InputChannels = 1, Classes = 2, Width = 16, Strides = [[2, 2, 2]] };
        long Bytes(NetworkOptions o)
        {
            using var network = UNet.Build(o, generator);
            return NetworkFootprint.Count(network, batch: 2, new(8, 8, 8), optimiserStates: 2).ActivationBytes;
        }

        var gaussian = options with { Posterior = Posterior.MeanField, BayesianStages = BayesianStages.LastStage, Estimator = estimator };
        const int Drawn = 6 * ((32 * 16 + 16 * 16) * 27 + 16 * 2); // six tensors of each kernel
        Assert.Equal(4L * (channels * 2 * 512 + Drawn), Bytes(gaussian) - Bytes(options));
    }

    [Fact]
    public void More_parameters_than_voxels_and_more_memory_than_there_is_are_warned_of()
    {
        using var generator = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 4, Strides = [[2, 2, 2]] }, generator);
        var parameters = network.parameters().Sum(p => p.numel());
        ResourceCheck Check(int cases, long bytes) => ResourceCheck.Of(Plan(), Fingerprint(cases), network, 2, new("the device", IsHost: false, bytes));

        Assert.Empty(Check(cases: 100, bytes: 1L << 30).Warnings);
        Assert.Contains($"{parameters:N0} parameters are at least as many as the 512 training voxels", Assert.Single(Check(cases: 1, bytes: 1L << 30).Warnings), StringComparison.Ordinal);
        Assert.Contains("the device has 0. Lower --batch-size or --width", Assert.Single(Check(cases: 100, bytes: 1 << 16).Warnings), StringComparison.Ordinal);
        Assert.Contains("51,200 training voxels, 5,120 of them foreground", Check(cases: 100, bytes: 1L << 30).Lines[0], StringComparison.Ordinal);
    }

    private static TrainingPlan Plan() => new()
    {
        Name = "blocks",
        Channels = [new("T1")],
        Classes = [],
        Spacing = new(1, 1, 1),
        Normalisation = new(NormalisationKind.ZScore),
        PatchSize = new(8, 8, 8),
        BatchSize = 2,
        Width = 4,
        Strides = [[2, 2, 2]],
        Kernels = [],
        Reasons = new Dictionary<string, string>(),
    };

    private static TrainingFingerprint Fingerprint(int cases) => new()
    {
        Cases = cases,
        SpacingMinimum = new(1, 1, 1),
        SpacingMedian = new(1, 1, 1),
        SpacingMaximum = new(1, 1, 1),
        SizeMedian = new(8, 8, 8),
        Channels = [],
        ClassFractions = [0.9, 0.1],
    };
}
