using Credence.Models.Architecture;
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
            return network.Run(input, new TrainingNoise(generator, CPU));
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

        Assert.Equal(0, plain.KlDivergence(new MeanNoise()).item<float>());

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

        Assert.Equal(sum, bayesian.KlDivergence(new MeanNoise()).item<float>(), tolerance: 1e-4 * sum);
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
            return terms.Total + 1e-5 * network.KlDivergence(new MeanNoise());
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

    [Theory]
    [InlineData(BayesianStages.All, 13, null)]
    [InlineData(BayesianStages.Decoder, 7, "encoder0_conv1_act")]
    [InlineData(BayesianStages.LastStage, 3, "decoder0_join")]
    [InlineData(BayesianStages.OutputLayer, 1, "decoder0_conv1_act")]
    public void Points_before_the_Bayesian_stages_lie_before_the_cut(BayesianStages stages, int noiseInputs, string? cut)
    {
        using var network = Build(Posterior.MeanField, o => o with { BayesianStages = stages });

        Assert.Equal(noiseInputs, network.NoiseInputs.Count);
        Assert.Equal(noiseInputs, network.GaussianWeights.Count());
        Assert.Equal(cut, network.Cut?.Name);
    }

    [Fact]
    public void Dropout_of_the_decoder_alone_leaves_the_encoder_without_masks()
    {
        using var network = Build(Posterior.ChannelDropout, o => o with { DropoutPlacement = DropoutPlacement.Decoder });

        Assert.Equal(["mask/decoder1", "mask/decoder0"], network.NoiseInputs.Select(n => n.Name));
        Assert.Equal("encoder0_conv1_act", network.Cut?.Name);
    }

    [Fact]
    public void Deep_supervision_adds_outputs_that_training_alone_sees()
    {
        using var scope = NewDisposeScope();
        using var plain = Build(Posterior.MeanField, o => o with { Strides = [[2, 2, 2], [1, 2, 2], [2, 2, 2]] });
        using var network = Build(Posterior.MeanField, o => o with { Strides = [[2, 2, 2], [1, 2, 2], [2, 2, 2]], HasDeepSupervision = true });
        var input = randn([1L, 1, 8, 16, 8]);
        var outputs = network.RunWithAuxiliary(input, new MeanNoise());

        Assert.Equal([[1L, 3, 8, 16, 8], [1L, 3, 4, 8, 4]], outputs.Select(o => o.shape));
        Assert.Equal(["auxiliary1"], network.Auxiliary.Select(n => n.Name));
        Assert.True(outputs[0].equal(plain.forward(input)).all().item<bool>());
        Assert.Equal(plain.Nodes.Select(n => n.Name), network.Nodes.Select(n => n.Name));
        Assert.Single(network.Weights.OfType<PointWeight>());
        outputs[1].sum().backward();
        Assert.All(network.parameters().Where(p => p.grad is not null), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
        Assert.Contains(network.named_parameters(), p => p.name == "auxiliary1.weight.value" && p.parameter.grad is not null);
    }

    [Fact]
    public void Preset_residual_encoder_has_the_blocks_of_nnUNet()
    {
        using var network = Build(Posterior.Plain, o => o with { Encoder = EncoderKind.Residual, Strides = [[2, 2, 2], [2, 2, 2], [1, 2, 2], [1, 1, 2]], Width = 2 });

        Assert.Equal([1, 3, 4, 6, 6], Enumerable.Range(0, 5).Select(level => network.Nodes.Count(n => n.Name.StartsWith($"encoder{level}_", StringComparison.Ordinal) && n.Layer is Addition)));
        using var scope = NewDisposeScope();
        Assert.Equal([1L, 3, 8, 16, 32], network.forward(randn([1L, 1, 8, 16, 32])).shape);
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
        var noise = new TrainingNoise(generator, CPU);
        void Step()
        {
            using var scope = NewDisposeScope();
            using var terms = LossSum.Parse("dice + cross-entropy").Compute(
                network.Run(randn(Shape), noise), zeros([2L, 8, 12, 8], int64), progress: 0);
            (terms.Total + network.KlDivergence(new MeanNoise())).backward();
        }

        Step(); // creates the gradients, which stay
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Step();
        Step();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private static Network Build(Posterior posterior, Func<NetworkOptions, NetworkOptions>? change = null)
    {
        using var generator = new Generator(11);
        var options = new NetworkOptions { InputChannels = 1, Classes = 3, Width = 4, Posterior = posterior };
        return UNet.Build(change is null ? options : change(options), generator);
    }
}
