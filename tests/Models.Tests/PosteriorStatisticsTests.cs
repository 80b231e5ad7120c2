using Credence.Models.Architecture;
using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Tests;

public sealed class PosteriorStatisticsTests
{
    private static readonly NetworkOptions Options = new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Posterior = Posterior.MeanField, PriorSigma = 0.5 };

    /// <summary>Oracle: the weights one by one, in plain arithmetic.</summary>
    [Fact]
    public void Figures_equal_a_count_over_the_weights()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        using var network = UNet.Build(Options, generator);
        var weight = (GaussianWeight)((IWeightedLayer)network.Nodes[0].Layer).Weight; // 2 x 1 x 3 x 3 x 3
        weight.Start(linspace(-1, 1, 54).view(weight.Mean.shape), linspace(0.3, 0.6, 54).view(weight.Mean.shape));
        var (mean, sigma) = (weight.Mean.data<float>().ToArray(), Enumerable.Range(0, 54).Select(n => 0.3 + 0.3 * n / 53).ToArray());
        var ratios = mean.Zip(sigma, (m, s) => Math.Abs(m) / s).Order().ToArray();
        var kl = mean.Zip(sigma, (m, s) => Math.Log(0.5 / s) + (s * s + m * m) / 0.5 - 0.5).Sum();

        var statistics = PosteriorStatistics.Measure(network, new MeanNoise());
        Assert.Equal(network.NoiseInputs.Select(n => n.Name["noise/".Length..]), statistics.Select(s => s.Layer));
        var first = statistics[0];
        Assert.Equal(54, first.Weights);
        Assert.Equal(kl, first.Kl, tolerance: 1e-4 * kl);
        Assert.Equal(kl / 54, first.KlPerWeight, tolerance: 1e-4);
        Assert.Equal(ratios[26], first.SignalToNoise, tolerance: 1e-5); // torch takes the lower of two middle values
        Assert.Equal(ratios.Count(r => r > 1) / 54.0, first.SignalShare, tolerance: 1e-6);
    }

    [Fact]
    public void A_weight_at_the_prior_is_collapsed_and_its_KL_is_small()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        using var network = UNet.Build(Options with { PriorMean = PriorMean.Start }, generator);
        var weight = (GaussianWeight)((IWeightedLayer)network.Nodes[0].Layer).Weight;
        var sigma = full(weight.Mean.shape, 0.5f);
        weight.Start(full(weight.Mean.shape, 3f), sigma); // the prior mean moves to 3 too
        double Collapsed(out double klPerWeight)
        {
            var first = PosteriorStatistics.Measure(network, new MeanNoise())[0];
            klPerWeight = first.KlPerWeight;
            return first.CollapsedShare;
        }

        Assert.Equal(1, Collapsed(out var kl));
        Assert.Equal(0, kl, tolerance: 1e-6);
        using (no_grad())
        {
            weight.Mean.add_(0.049 * 0.5);
            weight.Rho.copy_((0.951 * sigma).expm1().log());
            Assert.Equal(1, Collapsed(out kl));
            Assert.InRange(kl, 0.002, 0.004);
            weight.Mean.add_(0.002 * 0.5);
            Assert.Equal(0, Collapsed(out _));
        }
    }

    [Fact]
    public void A_weight_at_either_component_of_the_default_mixture_is_collapsed()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        using var network = UNet.Build(Options with { Prior = PriorKind.ScaleMixture, PriorSigma = 1 }, generator);
        var weight = (GaussianWeight)((IWeightedLayer)network.Nodes[0].Layer).Weight;
        double Collapsed(double sigma)
        {
            weight.Start(zeros(weight.Mean.shape), full(weight.Mean.shape, sigma));
            return PosteriorStatistics.Measure(network, new TrainingNoise(generator, CPU))[0].CollapsedShare;
        }

        Assert.Equal([1, 1, 0, 0, 0], new[] { 0.985, 0.00254, 0.05, 0.9, 0.0028 }.Select(Collapsed));
    }

    [Fact]
    public void Layers_add_up_to_the_network_and_leave_no_tensor_behind()
    {
        using var generator = new Generator(1);
        using var network = UNet.Build(Options with { BayesianStages = BayesianStages.LastStage }, generator);
        var total = 0.0;
        foreach (var layer in network.LayerKlDivergences(new MeanNoise()))
        {
            total += layer.Kl.item<float>();
            Assert.Equal(layer.Weight.Mean.numel(), layer.Weights);
            layer.Dispose();
        }

        using (var kl = network.KlDivergence(new MeanNoise()))
        {
            Assert.Equal(total, kl.item<float>(), tolerance: 1e-3);
        }

        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Assert.Equal(["decoder0_conv0", "decoder0_conv1", "output"], PosteriorStatistics.Measure(network, new MeanNoise()).Select(s => s.Layer));
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
