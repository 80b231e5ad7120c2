using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Tests;

public sealed class NetworkFootprintTests
{
    /// <summary>Oracle: the tensors of a small U-Net written out by hand.</summary>
    [Fact]
    public void Activations_are_those_that_the_layers_keep()
    {
        using var generator = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 4, Strides = [[2, 2, 2]] }, generator);

        var footprint = NetworkFootprint.Count(network, batch: 2, new(8, 8, 8), optimiserStates: 2);

        const int Full = 2 * 512, Half = 2 * 64; // voxels of two patches at both levels
        var encoder = 6 * 4 * Full + 6 * 8 * Half; // convolution, norm and activation, twice a stage
        var decoder = 8 * Full + 6 * 4 * Full; // joined skip and upsampled, then a stage; the upsampled tensor itself is only copied
        var loss = 6 * 2 * Full; // the logits, which no layer reads, are among these
        var gradients = 3 * 8 * Full; // the joined tensor is the largest
        Assert.Equal(4L * (encoder + decoder + loss + gradients), footprint.ActivationBytes);
        Assert.Equal(network.parameters().Sum(p => p.numel()), footprint.Parameters);
        Assert.Equal(8 * footprint.Parameters, footprint.ParameterBytes);
        Assert.Equal(8 * footprint.Parameters, footprint.OptimiserBytes);
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
