using Credence.Models.Layers;
using Credence.Models.Losses;

namespace Credence.Models.Tests;

public sealed class NetworkTests
{
    private static readonly long[] Shape = [2, 1, 8, 12, 8];

    [Theory]
    [InlineData(Posterior.Plain, 0)]
    [InlineData(Posterior.ChannelDropout, 4)]
    [InlineData(Posterior.MeanField, 13)]
    public void One_definition_gives_three_kinds(Posterior posterior, int noiseInputs)
    {
        using var scope = NewDisposeScope();
        using var network = Build(posterior);
        var input = randn(Shape);

        Assert.Equal(noiseInputs, network.NoiseInputs.Count);
        Assert.Equal([2L, 3, 8, 12, 8], network.forward(input).shape);
        Assert.Equal(noiseInputs, network.NoiseInputs.Select(n => n.Name).Distinct().Count());
    }

    [Theory]
    [InlineData(Posterior.Plain)]
    [InlineData(Posterior.MeanField)]
    public void Every_kernel_is_listed_once(Posterior posterior)
    {
        using var network = Build(posterior);

        Assert.Equal(13, network.Weights.Count());
        Assert.Equal(13, network.Weights.Distinct().Count());
        Assert.Equal(network.parameters().Count(), network.parameters().Select(p => p.Handle).Distinct().Count());
    }

    [Fact]
    public void Mean_field_means_start_where_the_plain_network_starts()
    {
        using var scope = NewDisposeScope();
        using var plain = Build(Posterior.Plain);
        using var bayesian = Build(Posterior.MeanField);
        var input = randn(Shape);

        Assert.True(plain.forward(input).allclose(bayesian.forward(input)));
    }

    [Theory]
    [InlineData(Posterior.ChannelDropout)]
    [InlineData(Posterior.MeanField)]
    public void Same_seed_same_sample_and_another_seed_another(Posterior posterior)
    {
        using var scope = NewDisposeScope();
        using var network = Build(posterior);
        var input = randn(Shape);
        Tensor Sample(ulong seed)
        {
            using var generator = new Generator(seed);
            return network.Run(input, new RandomNoise(generator, CPU));
        }

        Assert.True(Sample(1).equal(Sample(1)).all().item<bool>());
        Assert.False(Sample(1).allclose(Sample(2)));
        Assert.False(Sample(1).allclose(network.forward(input)));
    }

    [Fact]
    public void Plain_network_has_no_kl_and_a_mean_field_one_adds_up_its_weights()
    {
        using var scope = NewDisposeScope();
        using var plain = Build(Posterior.Plain);
        using var bayesian = Build(Posterior.MeanField);

        Assert.Equal(0, plain.KlDivergence().item<float>());

        // Oracle: the parameters by name, each once, element by element in double precision.
        var parameters = bayesian.named_parameters().ToDictionary(p => p.name, p => p.parameter.data<float>().ToArray());
        var sum = 0.0;
        foreach (var (name, means) in parameters.Where(p => p.Key.EndsWith(".mean", StringComparison.Ordinal)))
        {
            var rhos = parameters[name[..^4] + "rho"];
            for (var n = 0; n < means.Length; n++)
            {
                var sigma = Math.Log(1 + Math.Exp(rhos[n]));
                sum += -Math.Log(sigma) + (sigma * sigma + (double)means[n] * means[n] - 1) / 2;
            }
        }

        Assert.Equal(sum, bayesian.KlDivergence().item<float>(), tolerance: 1e-4 * sum);
    }

    /// <summary>Oracle: finite differences of the whole objective along a random direction, in float64.</summary>
    [Fact]
    public void Gradient_of_the_objective_agrees_with_finite_differences()
    {
        const double Step = 1e-8; // so short that hardly an activation crosses the kink of its leaky ReLU
        using var scope = NewDisposeScope();
        using var generator = new Generator(11);
        using var network = Build(Posterior.MeanField).to(float64);
        var input = randn(Shape, float64, generator: generator);
        var target = randint(0, 3, [2, 8, 12, 8], dtype: int64, generator: generator);
        var noise = new GivenNoise(network.NoiseInputs.ToDictionary(n => n.Name, n => randn([.. n.Shape], float64, generator: generator)));
        Tensor Objective()
        {
            using var terms = LossSum.Parse("dice + cross-entropy").Compute(network.Run(input, noise), target, progress: 0);
            return terms.Total + 1e-5 * network.KlDivergence();
        }

        var parameters = network.parameters().ToList();
        var directions = parameters.Select(p => randn(p.shape, float64, generator: generator)).ToList();
        Objective().backward();
        var expected = parameters.Zip(directions).Sum(p => (p.First.grad! * p.Second).sum().item<double>());
        double Moved(double step)
        {
            using var noGradient = no_grad();
            foreach (var (parameter, direction) in parameters.Zip(directions))
            {
                parameter.add_(direction, step);
            }

            return Objective().item<double>();
        }

        var numeric = (Moved(Step) - Moved(-2 * Step)) / (2 * Step);
        Assert.Equal(expected, numeric, tolerance: 1e-4 * Math.Max(1, Math.Abs(expected)));
    }

    [Fact]
    public void Cut_is_the_last_node_that_all_noise_lies_behind()
    {
        using var dropout = Build(Posterior.ChannelDropout);
        using var plain = Build(Posterior.Plain);
        using var bayesian = Build(Posterior.MeanField);

        Assert.Equal("encoder0_conv1_act", dropout.Cut?.Name);
        Assert.Null(plain.Cut);
        Assert.Null(bayesian.Cut);
    }

    [Fact]
    public void A_node_may_only_read_earlier_nodes()
    {
        var options = new NetworkOptions { InputChannels = 1, Classes = 2 };
        var e = Assert.Throws<ArgumentException>(() => new Network(options, [new("a", new LeakyRelu(0.01), [Network.Image]), new("b", new LeakyRelu(0.01), [1])]));

        Assert.Contains("Node 1 (b) reads node 1", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Posterior.Plain)]
    [InlineData(Posterior.ChannelDropout)]
    [InlineData(Posterior.MeanField)]
    public void A_training_step_leaves_no_tensor_behind(Posterior posterior)
    {
        using var network = Build(posterior);
        using var generator = new Generator(1);
        var noise = new RandomNoise(generator, CPU);
        void Step()
        {
            using var scope = NewDisposeScope();
            using var terms = LossSum.Parse("dice + cross-entropy").Compute(
                network.Run(randn(Shape), noise), zeros([2L, 8, 12, 8], int64), progress: 0);
            (terms.Total + network.KlDivergence()).backward();
        }

        Step(); // creates the gradients, which stay
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Step();
        Step();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private static Network Build(Posterior posterior)
    {
        using var generator = new Generator(11);
        return UNet.Build(new NetworkOptions { InputChannels = 1, Classes = 3, Width = 4, Posterior = posterior }, generator);
    }
}
