using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Tests;

public sealed class NetworkStartTests : IDisposable
{
    private static readonly NetworkOptions Plain = new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Norm = NormKind.Batch };
    private static readonly NetworkOptions Bayesian = Plain with { Posterior = Posterior.MeanField, BayesianStages = BayesianStages.LastStage, SigmaFloor = 1e-3 };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(PriorMean.Zero)]
    [InlineData(PriorMean.Start)]
    public void A_plain_network_becomes_Bayesian_in_the_chosen_stages(PriorMean priorMean)
    {
        using var scope = NewDisposeScope();
        using var trained = Build(Plain, 1);
        using var network = Build(Bayesian with { PriorMean = priorMean }, 2);
        var report = Start(trained, network);

        Assert.Equal(["decoder0_conv0.weight", "decoder0_conv1.weight", "output.weight"], report.MadeGaussian);
        Assert.Empty(report.Fresh);
        Assert.Empty(report.Unused);
        var input = randn([2L, 1, 4, 4, 4]);
        Assert.True(network.forward(input).allclose(trained.forward(input), 1e-5, 1e-6));
        foreach (var (gaussian, point) in network.Weights.Zip(trained.Weights).Where(p => p.First is GaussianWeight).Select(p => ((GaussianWeight)p.First, ((PointWeight)p.Second).Value)))
        {
            var sigma = functional.softplus(gaussian.Rho);
            Assert.True(sigma.allclose((0.2 * point.abs()).clamp(1e-3), 1e-4, 1e-7));
            Assert.Equal(priorMean == PriorMean.Start, gaussian.PriorMean?.equal(point).all().item<bool>() ?? false);
            var offset = priorMean == PriorMean.Start ? zeros_like(point) : point;
            Assert.Equal(Gaussian.KlDivergence(offset, sigma, 1).item<float>(), gaussian.KlDivergence(new MeanNoise()).item<float>(), tolerance: 1e-2);
        }
    }

    [Fact]
    public void Prior_means_and_running_statistics_come_back_from_a_checkpoint()
    {
        using var scope = NewDisposeScope();
        using var trained = Build(Plain, 1);
        using var network = Build(Bayesian with { PriorMean = PriorMean.Start }, 2);
        Start(trained, network);
        using (no_grad())
        {
            network.GaussianWeights.First().Mean.add_(0.1); // training moves the mean, not the prior
        }

        Checkpoint.Save(folder.File("bayesian.safetensors"), network, new Dictionary<string, Tensor>(), new Dictionary<string, string>());
        using var checkpoint = Checkpoint.Load(folder.File("bayesian.safetensors"));
        using var back = checkpoint.BuildNetwork();

        Assert.Equal(network.named_buffers().Select(b => b.name), back.named_buffers().Select(b => b.name));
        Assert.All(network.named_buffers().Zip(back.named_buffers()), p => Assert.True(p.First.buffer.equal(p.Second.buffer).all().item<bool>(), p.First.name));
        Assert.Equal(network.KlDivergence(new MeanNoise()).item<float>(), back.KlDivergence(new MeanNoise()).item<float>());
    }

    [Fact]
    public void Plain_networks_go_on_and_Bayesian_ones_give_their_means()
    {
        using var scope = NewDisposeScope();
        using var trained = Build(Plain, 1);
        using var same = Build(Plain, 2);
        Assert.Empty(Start(trained, same).Fresh);
        var input = randn([2L, 1, 4, 4, 4]);
        Assert.True(same.forward(input).equal(trained.forward(input)).all().item<bool>());

        using var bayesian = Build(Bayesian, 3);
        using var copy = Build(Bayesian, 4);
        Start(bayesian, copy);
        Assert.All(bayesian.named_parameters().Zip(copy.named_parameters()), p => Assert.True(p.First.parameter.allclose(p.Second.parameter, 1e-5, 1e-6), p.First.name));

        using var point = Build(Plain, 5);
        Assert.Equal(["decoder0_conv0.weight", "decoder0_conv1.weight", "output.weight"], Start(bayesian, point).MadePoints);
        Assert.True(point.forward(input).equal(bayesian.forward(input)).all().item<bool>());
    }

    [Fact]
    public void What_has_no_partner_is_named_and_another_shape_is_refused_by_name()
    {
        using var trained = Build(Plain with { Norm = NormKind.None }, 1);
        using var normed = Build(Plain, 2);
        var report = Start(trained, normed);
        Assert.Contains("encoder0_conv0_norm.runningMean", report.Fresh);
        Assert.Empty(report.Unused);
        Assert.Contains("encoder0_conv0_norm.scale", Start(normed, trained).Unused);

        using var wide = Build(Plain with { Width = 4 }, 3);
        var error = Assert.Throws<CheckpointException>(() => Start(trained, wide));
        Assert.EndsWith("start.safetensors: tensor \"network/encoder0_conv0.weight.value\" of shape (2, 1, 3, 3, 3); expected (4, 1, 3, 3, 3). "
            + "Start from a network with the same channels, classes, width, strides and kernels.", error.Message, StringComparison.Ordinal);
    }

    private StartReport Start(Network trained, Network network)
    {
        Checkpoint.Save(folder.File("start.safetensors"), trained, new Dictionary<string, Tensor>(), new Dictionary<string, string>());
        using var checkpoint = Checkpoint.Load(folder.File("start.safetensors"));
        return NetworkStart.Apply(network, checkpoint, delta: 0.2);
    }

    /// <summary>A network of which nothing is at its initial value, running statistics included.</summary>
    private static Network Build(NetworkOptions options, ulong seed)
    {
        using var generator = new Generator(seed);
        var network = Network.Build(options, generator);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var parameter in network.parameters())
        {
            parameter.add_(randn(parameter.shape, generator: generator), 0.1);
        }

        network.Run(randn([4L, 1, 4, 4, 4], generator: generator), new TrainingNoise(generator, CPU));
        return network;
    }
}
