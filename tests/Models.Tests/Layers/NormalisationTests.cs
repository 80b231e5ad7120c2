using Credence.Models.Layers;
using Credence.Models.Tests.Golden;

namespace Credence.Models.Tests.Layers;

public sealed class NormalisationTests
{
    /// <summary>Oracle: PyTorch 1.13, twice in training and once in validation.</summary>
    [Theory]
    [InlineData("instance")]
    [InlineData("group")]
    [InlineData("batch")]
    public void Every_norm_equals_PyTorchs(string name)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var generator = new Generator(1);
        using var golden = new LayerGolden();
        ILayer layer = name switch { "instance" => new InstanceNormalisation(8), "group" => new GroupNormalisation(8, 4), _ => new BatchNormalisation(8) };
        foreach (var (parameter, part) in ((Module)layer).named_parameters().Select(p => (p.parameter, p.name)))
        {
            parameter.copy_(golden[$"norm/{name}/{part}"]);
        }

        var (training, input) = (new TrainingNoise(generator, CPU), golden["norm/input"]);
        void AssertEqual(Tensor found, string expected) =>
            Assert.InRange((found - golden[$"norm/{name}/{expected}"]).abs().max().item<float>(), 0, 2e-5);
        AssertEqual(layer.Forward([input], training), "training1");
        AssertEqual(layer.Forward([input * 0.5 - 1], training), "training2");
        AssertEqual(layer.Forward([input + 1], new MeanNoise()), "validation");
        if (layer is BatchNormalisation batch)
        {
            AssertEqual(batch.RunningMean, "runningMean");
            AssertEqual(batch.RunningVariance, "runningVariance");
        }
    }

    [Fact]
    public void A_pass_outside_training_does_not_touch_running_statistics()
    {
        using var scope = NewDisposeScope();
        using var build = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Norm = Architecture.NormKind.Batch, Strides = [[2, 2, 2]] }, build);
        var input = randn([2, 1, 4, 4, 4], generator: build) + 3;
        var before = network.named_buffers().Select(b => b.buffer.clone()).ToList();
        network.forward(input);
        network.Run(input, new GivenNoise(new Dictionary<string, Tensor>()));
        Assert.Equal(12, before.Count); // mean and variance of six norms
        Assert.All(network.named_buffers().Zip(before), pair => Assert.True(pair.First.buffer.equal(pair.Second).all().item<bool>()));

        network.Run(input, new TrainingNoise(build, CPU));
        Assert.All(network.named_buffers().Zip(before), pair => Assert.False(pair.First.buffer.equal(pair.Second).all().item<bool>()));
    }

    /// <summary>PyTorch's instance norm refuses it; group norm, in PyTorch and here below, would make every activation 0.</summary>
    [Fact]
    public void A_single_number_is_not_normalised()
    {
        using var scope = NewDisposeScope();
        var single = ones([2, 4, 1, 1, 1]);
        ILayer instance = new InstanceNormalisation(4), groups = new GroupNormalisation(4, 4);
        using var pairs = new GroupNormalisation(4, 2);

        foreach (var layer in new[] { instance, groups })
        {
            Assert.StartsWith("Activations of shape (2, 4, 1, 1, 1) have one number in each of 4 groups, and normalised it is 0.",
                Assert.Throws<ArgumentException>(() => layer.Forward([single], new MeanNoise())).Message, StringComparison.Ordinal);
        }

        Assert.Equal([2L, 4, 1, 1, 1], pairs.Forward([single], new MeanNoise()).shape);
    }

    [Fact]
    public void Channels_that_groups_do_not_divide_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => new GroupNormalisation(6, 4));
        Assert.StartsWith("6 channels cannot be divided into 4 equal groups.", error.Message, StringComparison.Ordinal);
    }
}
