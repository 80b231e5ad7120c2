using Credence.Models.Architecture;
using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Tests.Layers;

public sealed class WeightEstimatorTests
{
    public static TheoryData<string, WeightEstimator> EveryLayer
    {
        get
        {
            var data = new TheoryData<string, WeightEstimator>();
            foreach (var kind in SmallLayer.Kinds)
            {
                foreach (var estimator in Enum.GetValues<WeightEstimator>())
                {
                    data.Add(kind, estimator);
                }
            }

            return data;
        }
    }

    /// <summary>Oracle: central differences of the objective along a random direction of the means, and of ρ, in float64.</summary>
    [Theory]
    [MemberData(nameof(EveryLayer))]
    public void Gradients_of_mean_and_rho_agree_with_finite_differences(string kind, WeightEstimator estimator)
    {
        const double Step = 1e-6;
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var small = SmallLayer.Create(kind, estimator);
        Tensor Objective() => small.Run(5).square().sum() + small.Weight.KlDivergence(new MeanNoise());
        Objective().backward();
        foreach (var parameter in new[] { small.Weight.Mean, small.Weight.Rho })
        {
            var direction = randn(parameter.shape, float64, generator: generator);
            double Moved(double step)
            {
                using var noGradient = no_grad();
                parameter.add_(direction, step);
                return Objective().item<double>();
            }

            var expected = (Moved(Step) - Moved(-2 * Step)) / (2 * Step);
            Moved(Step);
            Assert.Equal(expected, (parameter.grad! * direction).sum().item<double>(), tolerance: 1e-5 * Math.Max(1, Math.Abs(expected)));
        }
    }

    /// <summary>Oracle: reparameterisation, by sampling. Every output element has the same mean and variance, whatever the estimator.</summary>
    [Theory]
    [InlineData("2-D convolution")]
    [InlineData("strided 3-D convolution")]
    [InlineData("transposed convolution")]
    [InlineData("linear")]
    public void Estimators_agree_in_mean_and_variance_of_every_output(string kind)
    {
        const int Passes = 1500;
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        (Tensor Mean, Tensor Variance) Moments(WeightEstimator estimator)
        {
            var small = SmallLayer.Create(kind, estimator);
            using var generator = new Generator((ulong)estimator + 1);
            var noise = new TrainingNoise(generator, CPU);
            var outputs = stack([.. Enumerable.Range(0, Passes).Select(_ => small.Layer.Forward([small.Input], noise))]);
            return (outputs.mean([0L]), outputs.var(0, unbiased: true));
        }

        var (mean, variance) = Moments(WeightEstimator.Reparameterisation);
        foreach (var estimator in new[] { WeightEstimator.Flipout, WeightEstimator.LocalReparameterisation })
        {
            var (otherMean, otherVariance) = Moments(estimator);
            var standardError = (2 * variance / Passes).sqrt();
            Assert.InRange(((otherMean - mean).abs() / standardError).max().item<double>(), 0, 5);
            // The sampled variance of a normal variable has a relative standard error of √(2/n); two of them are compared.
            Assert.InRange((otherVariance / variance - 1).abs().max().item<double>(), 0, 5 * Math.Sqrt(4.0 / Passes));
            Assert.InRange((otherVariance / variance).mean().item<double>(), 0.94, 1.06);
        }
    }

    /// <summary>On a constant image, one kernel per example gives a constant output. A sign per voxel would not.</summary>
    [Theory]
    [InlineData(WeightEstimator.Reparameterisation, false, true)]
    [InlineData(WeightEstimator.Flipout, true, true)]
    [InlineData(WeightEstimator.LocalReparameterisation, true, false)]
    public void Flipout_keeps_one_kernel_for_all_voxels_of_an_example(WeightEstimator estimator, bool differsBetweenExamples, bool isConstantOverSpace)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var generator = new Generator(1);
        long[] shape = [4, 3, 1, 1, 1];
        var layer = new Convolution(new GaussianWeight("noise/layer", zeros(shape), 1, new GaussianPrior(1), estimator: estimator), shape, [1, 1, 1]);
        var output = layer.Forward([ones([8, 3, 4, 4, 4])], new TrainingNoise(generator, CPU)); // (N, C, D, H, W)

        var overSpace = output.flatten(2).std(2, unbiased: false).max().item<float>();
        var overExamples = output.mean([2L, 3, 4]).std(0, unbiased: false).min().item<float>();
        Assert.Equal(isConstantOverSpace, overSpace < 1e-5);
        Assert.Equal(differsBetweenExamples, overExamples > 1e-2);
    }

    /// <summary>On ones, what a 1 x 1 x 1 kernel adds to output channel c of example n is b(n,c) Σ e(c,i) a(n,i): without b the channels of an example share their sign, without a every example has the same size.</summary>
    [Fact]
    public void Flipout_flips_the_channels_of_input_and_output_for_themselves()
    {
        const int Examples = 32;
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var generator = new Generator(1);
        Tensor Moved(long inChannels, long outChannels)
        {
            long[] shape = [outChannels, inChannels, 1, 1, 1];
            var layer = new Convolution(new GaussianWeight("noise/layer", zeros(shape), 1, new GaussianPrior(1), estimator: WeightEstimator.Flipout), shape, [1, 1, 1]);
            return layer.Forward([ones([Examples, inChannels, 1, 1, 1])], new TrainingNoise(generator, CPU)).view(Examples, outChannels);
        }

        var outputs = Moved(inChannels: 1, outChannels: 2).sign();
        Assert.InRange(outputs.prod(1).mean().item<float>(), -0.9, 0.9);
        var sizes = Moved(inChannels: 2, outChannels: 1).abs();
        Assert.True(sizes.max().item<float>() > 1.01 * sizes.min().item<float>());
    }

    /// <summary>Oracle: softplus in float64.</summary>
    [Theory]
    [InlineData(1e-8)]
    [InlineData(1e-4)]
    [InlineData(0.7)]
    [InlineData(30)]
    public void A_weight_starts_with_the_sigma_it_is_given_however_small(double sigma)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var weight = new GaussianWeight("noise/layer", zeros(3), sigma, new GaussianPrior(1));
        void AssertSigma(double expected) => Assert.All(weight.Rho.data<float>().ToArray(), rho => Assert.Equal(1, Math.Log(1 + Math.Exp((double)rho)) / expected, tolerance: 5e-6));

        AssertSigma(sigma);
        weight.Start(ones(3), full(3, 1.5 * sigma));
        AssertSigma(1.5 * sigma);
    }

    [Theory]
    [InlineData(NetworkKind.UNet)]
    [InlineData(NetworkKind.Classifier)]
    public void Outside_training_the_estimator_changes_nothing(NetworkKind kind)
    {
        using var scope = NewDisposeScope();
        var input = randn([2L, 1, 8, 8, 8]);
        Tensor[] Outputs(WeightEstimator estimator)
        {
            using var generator = new Generator(2);
            using var network = Network.Build(
                new() { InputChannels = 1, Classes = 2, Width = 2, Kind = kind, Posterior = Posterior.MeanField, Estimator = estimator }, generator);
            var given = new GivenNoise(network.NoiseInputs.ToDictionary(n => n.Name, n => randn([.. n.Shape], generator: generator)));
            return [network.forward(input), network.Run(input, given), network.Run(input, new TrainingNoise(generator, CPU))];
        }

        var expected = Outputs(WeightEstimator.Reparameterisation);
        foreach (var estimator in new[] { WeightEstimator.Flipout, WeightEstimator.LocalReparameterisation })
        {
            var found = Outputs(estimator);
            Assert.True(found[0].equal(expected[0]).all().item<bool>());
            Assert.True(found[1].equal(expected[1]).all().item<bool>());
            Assert.False(found[2].allclose(expected[2]));
        }
    }

    [Theory]
    [MemberData(nameof(EveryLayer))]
    public void A_pass_leaves_no_tensor_behind_but_its_result(string kind, WeightEstimator estimator)
    {
        using var pause = FinalizerPause.Begin();
        var small = SmallLayer.Create(kind, estimator);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        small.Run(1).Dispose();
        small.Weight.KlDivergence(new MeanNoise()).Dispose();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Local_reparameterisation_of_an_empty_patch_has_finite_gradients()
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var small = SmallLayer.Create("strided 3-D convolution", WeightEstimator.LocalReparameterisation);
        small.Layer.Forward([zeros_like(small.Input)], new TrainingNoise(generator, CPU)).square().sum().backward();

        Assert.True(small.Weight.Rho.grad!.isfinite().all().item<bool>());
        Assert.True(small.Weight.Mean.grad!.isfinite().all().item<bool>());
    }
}
