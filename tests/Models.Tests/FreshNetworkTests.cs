using Credence.Models.Architecture;
using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Tests;

/// <summary>A network that was just built has what its options say, none of which stands at its default here.</summary>
public sealed class FreshNetworkTests
{
    private const double Slope = 0.5;

    private static readonly NetworkOptions Options = new()
    {
        InputChannels = 2,
        Classes = 3,
        Width = 12,
        MaximumWidth = 40,
        Strides = [[1, 2, 2], [2, 2, 1]],
        Kernels = [[1, 3, 3], [3, 3, 3], [3, 1, 3]],
        NegativeSlope = Slope,
        Norm = NormKind.Group,
        NormGroups = 9,
        DropProbability = 0.35,
        PriorSigma = 0.6,
        PriorSigmaRatio = 0.4,
        NarrowSigma = 0.01,
        WideShare = 0.2,
        InitialSigmaRatio = 0.25,
        SigmaFloor = 0.02,
    };

    /// <summary>Written by hand.</summary>
    [Fact]
    public void Kernels_widths_and_strides_are_those_of_each_level()
    {
        using var network = Build(Options);
        var layers = network.Nodes.Where(n => n.Layer is IWeightedLayer).Select(n => (n.Name, Text(((PointWeight)((IWeightedLayer)n.Layer).Weight).Value.shape), Stride(n.Layer)));

        Assert.Equal(
        [
            ("encoder0_conv0", "12 2 1 3 3", "1 1 1"), ("encoder0_conv1", "12 12 1 3 3", "1 1 1"),
            ("encoder1_conv0", "24 12 3 3 3", "1 2 2"), ("encoder1_conv1", "24 24 3 3 3", "1 1 1"),
            ("encoder2_conv0", "40 24 3 1 3", "2 2 1"), ("encoder2_conv1", "40 40 3 1 3", "1 1 1"),
            ("decoder1_up", "40 24 2 2 1", "2 2 1"), ("decoder1_conv0", "24 48 3 3 3", "1 1 1"), ("decoder1_conv1", "24 24 3 3 3", "1 1 1"),
            ("decoder0_up", "24 12 1 2 2", "1 2 2"), ("decoder0_conv0", "12 24 1 3 3", "1 1 1"), ("decoder0_conv1", "12 12 1 3 3", "1 1 1"),
            ("output", "3 12 1 1 1", "1 1 1"),
        ], layers);
    }

    [Theory]
    [InlineData(EncoderKind.Plain)]
    [InlineData(EncoderKind.Residual)]
    public void Every_leaky_ReLU_has_the_slope(EncoderKind encoder)
    {
        using var network = Build(Options with { Encoder = encoder });

        Assert.All(network.Nodes.Select(n => n.Layer).OfType<LeakyRelu>(), layer => Assert.Equal(Slope, layer.NegativeSlope));
    }

    /// <summary>Oracle for groups: the greatest common divisors of 9 with 12, 24 and 40, by hand.</summary>
    [Fact]
    public void Every_convolution_but_the_output_has_the_norm()
    {
        List<T> Norms<T>(NormKind norm)
        {
            using var network = Build(Options with { Norm = norm });
            var others = network.Nodes.Where(n => n.Name.EndsWith("_norm", StringComparison.Ordinal) && n.Layer is not T);
            Assert.Empty(others);
            return [.. network.Nodes.Select(n => n.Layer).OfType<T>()];
        }

        Assert.Equal(10, Norms<InstanceNormalisation>(NormKind.Instance).Count);
        Assert.Equal(10, Norms<BatchNormalisation>(NormKind.Batch).Count);
        Assert.Equal([3, 3, 3, 3, 1, 1, 3, 3, 3, 3], Norms<GroupNormalisation>(NormKind.Group).Select(n => n.Groups));
        Assert.Empty(Norms<BatchNormalisation>(NormKind.None));
    }

    /// <summary>He et al. 2015, equation 15: sqrt(2 / (1 + slope²) n) with n the numbers that one output sums. Margin: 5 standard errors of a sampled deviation.</summary>
    [Theory]
    [InlineData(NetworkKind.UNet)]
    [InlineData(NetworkKind.Classifier)]
    public void Weights_start_with_the_deviation_of_He(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        using var network = Build(Options with { Kind = kind });
        foreach (var (layer, weight) in network.Nodes.Select(n => n.Layer).OfType<IWeightedLayer>().Select(l => (l, ((PointWeight)l.Weight).Value)))
        {
            var ratio = weight.std().item<float>() / Deviation(layer, weight);
            Assert.Equal(1, ratio, tolerance: 5 / Math.Sqrt(2.0 * weight.numel()));
            Assert.True(layer.Bias.eq(0).all().item<bool>());
        }
    }

    [Theory]
    [InlineData(NetworkKind.UNet)]
    [InlineData(NetworkKind.Classifier)]
    public void Sigma_starts_at_its_share_of_that_deviation_and_not_below_the_floor(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        using var network = Build(Options with { Kind = kind, Posterior = Posterior.MeanField });
        var layers = network.Nodes.Select(n => n.Layer).OfType<IWeightedLayer>().Select(l => (Layer: l, Weight: (GaussianWeight)l.Weight)).ToList();
        foreach (var (layer, weight) in layers)
        {
            var sigma = functional.softplus(weight.Rho);
            Assert.True(sigma.allclose(full_like(sigma, Math.Max(0.02, 0.25 * Deviation(layer, weight.Mean))), rtol: 1e-5));
        }

        Assert.Contains(layers, l => 0.25 * Deviation(l.Layer, l.Weight.Mean) < 0.02);
        Assert.Contains(layers, l => 0.25 * Deviation(l.Layer, l.Weight.Mean) > 0.02);
    }

    /// <summary>Priors are told apart by their divergence at one point.</summary>
    [Theory]
    [InlineData(PriorKind.Gaussian)]
    [InlineData(PriorKind.FanInGaussian)]
    [InlineData(PriorKind.Laplace)]
    [InlineData(PriorKind.ScaleMixture)]
    public void Every_weight_has_the_prior(PriorKind kind)
    {
        using var scope = NewDisposeScope();
        using var network = Build(Options with { Posterior = Posterior.MeanField, Prior = kind });
        foreach (var (layer, weight) in network.Nodes.Select(n => n.Layer).OfType<IWeightedLayer>().Select(l => (l, (GaussianWeight)l.Weight)))
        {
            IPrior expected = kind switch
            {
                PriorKind.Gaussian => new GaussianPrior(0.6),
                PriorKind.Laplace => new LaplacePrior(0.6),
                PriorKind.ScaleMixture => new ScaleMixturePrior(wideSigma: 0.6, narrowSigma: 0.01, wideShare: 0.2),
                _ => new GaussianPrior(0.4 * Math.Sqrt(2.0 / FanIn(layer, weight.Mean))),
            };
            double Kl(IPrior prior) => prior.KlDivergence(tensor(0.03, float64), tensor(0.01, float64), prior.IsSampled ? tensor(0.5, float64) : null).item<double>();

            Assert.Equal(expected.GetType(), weight.Prior.GetType());
            Assert.Equal(Kl(expected), Kl(weight.Prior), tolerance: 1e-9);
            Assert.Null(weight.PriorMean);
        }
    }

    [Fact]
    public void A_prior_mean_on_request_is_0_until_a_start()
    {
        using var network = Build(Options with { Posterior = Posterior.MeanField, PriorMean = PriorMean.Start });

        Assert.All(network.GaussianWeights, weight => Assert.Equal((weight.Mean.numel(), 0), (weight.PriorMean!.numel(), weight.PriorMean!.count_nonzero().item<long>())));
    }

    [Theory]
    [InlineData(DropoutPlacement.AllStages, "encoder1 24, encoder2 40, decoder1 24, decoder0 12")]
    [InlineData(DropoutPlacement.Decoder, "decoder1 24, decoder0 12")]
    public void Masks_have_the_channels_of_their_stage_and_the_probability(DropoutPlacement placement, string expected)
    {
        using var network = Build(Options with { Posterior = Posterior.ChannelDropout, DropoutPlacement = placement });

        Assert.Equal(expected, string.Join(", ", network.NoiseInputs.Select(n => $"{n.Name["mask/".Length..]} {n.Shape[1]}")));
        Assert.All(network.NoiseInputs, n => Assert.Equal(0.35, n.DropProbability));
    }

    [Theory]
    [InlineData(4, 1, "auxiliary1")]
    [InlineData(5, 2, "auxiliary1, auxiliary2")]
    [InlineData(3, 0, "")]
    public void Deep_supervision_has_as_many_outputs_as_the_options_say(int levels, int count, string names)
    {
        using var network = Build(new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [.. Enumerable.Repeat<IReadOnlyList<long>>([2, 2, 2], levels - 1)], HasDeepSupervision = true });

        Assert.Equal((count, names), (network.Options.AuxiliaryOutputs, string.Join(", ", network.Auxiliary.Select(n => n.Name))));
    }

    private static double Deviation(IWeightedLayer layer, Tensor weight) => Math.Sqrt(2 / ((1 + Slope * Slope) * FanIn(layer, weight)));

    /// <summary>How many products one output is the sum of. A transposed convolution whose kernel is its stride has one an input channel.</summary>
    private static double FanIn(IWeightedLayer layer, Tensor weight) => layer is TransposedConvolution ? weight.shape[0] : weight.numel() / weight.shape[0];

    private static string Stride(ILayer layer) => Text(layer is Convolution convolution ? convolution.Stride : ((TransposedConvolution)layer).Stride);

    private static string Text(long[] numbers) => string.Join(' ', numbers);

    private static Network Build(NetworkOptions options)
    {
        using var generator = new Generator(11);
        return Network.Build(options, generator);
    }
}
