using Credence.Models.Layers;
using Credence.Models.Losses;

namespace Credence.Models.Tests;

public sealed class ComputePrecisionTests
{
    private const double Unit = 1.0 / 256; // half the distance between 1 and the next bfloat16, twice

    public static TheoryData<string> Devices => ["cpu", Cuda.Name];

    /// <summary>Oracle: the operands rounded first, then everything in float64; only the rounding of the output remains.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_convolution_rounds_its_operands_and_its_output_and_nothing_between(string name)
    {
        var device = Cuda.DeviceOrSkip(name);
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        long[] shape = [32, 16, 3, 3, 3];
        var weight = randn(shape, generator: generator);
        var layer = new Convolution(new PointWeight(weight.clone()), shape, [1, 1, 1]) { Precision = ComputePrecision.Bfloat16 };
        layer.to(device);
        var input = randn([2, 16, 6, 5, 7], generator: generator);
        static Tensor Rounded(Tensor tensor) => tensor.to(bfloat16).to(float64);

        var output = layer.Forward([input.to(device)], new MeanNoise()).cpu();

        Assert.Equal(float32, output.dtype);
        var expected = nn.functional.conv3d(Rounded(input), Rounded(weight), padding: [1, 1, 1]);
        Assert.True(output.to(float64).allclose(expected, Unit, 1e-5));
        Assert.False(output.to(float64).allclose(nn.functional.conv3d(input.to(float64), weight.to(float64), padding: [1, 1, 1]), 1e-5, 1e-5));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_network_gives_float32_logits_close_to_those_of_float32(string name)
    {
        var device = Cuda.DeviceOrSkip(name);
        using var scope = NewDisposeScope();
        using var network = Build(Posterior.MeanField);
        network.to(device);
        var input = Image().to(device);
        var (full, kl) = (network.forward(input), network.KlDivergence(new MeanNoise()));

        network.Precision = ComputePrecision.Bfloat16;
        var (half, sameKl) = (network.forward(input), network.KlDivergence(new MeanNoise()));

        Assert.Equal(float32, half.dtype);
        Assert.Equal(kl.item<float>(), sameKl.item<float>());
        // 8 convolutions in a row, each of which rounds three times, independently: the square root of their number.
        var error = ((half - full).norm() / full.norm()).item<float>();
        Assert.InRange(error, 1e-4, Unit * Math.Sqrt(3 * 8));
    }

    /// <summary>A given weight sample as at inference, and one training pass of each estimator, with the same noise in both formats.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData(WeightEstimator.Reparameterisation)]
    [InlineData(WeightEstimator.Flipout)]
    [InlineData(WeightEstimator.LocalReparameterisation)]
    public void A_pass_with_noise_and_its_gradients_are_close_to_those_of_float32(WeightEstimator? estimator)
    {
        using var scope = NewDisposeScope();
        using var network = Build(Posterior.MeanField, estimator ?? WeightEstimator.Reparameterisation);
        using var generator = new Generator(7);
        var given = network.NoiseInputs.ToDictionary(n => n.Name, n => randn([.. n.Shape], generator: generator));
        var direction = randn([2, 2, 8, 12, 8], generator: generator);
        (Tensor Logits, Tensor Gradient) Pass(ComputePrecision precision)
        {
            network.Precision = precision;
            generator.manual_seed(3);
            network.zero_grad();
            var logits = network.Run(Image(), estimator is null ? new GivenNoise(given) : new TrainingNoise(generator, CPU));
            (logits * direction).sum().backward();
            return (logits.detach(), cat([.. network.parameters().Select(p => p.grad!.flatten().clone())]));
        }

        var (full, half) = (Pass(ComputePrecision.Float32), Pass(ComputePrecision.Bfloat16));

        // 8 layers, each of which rounds three times, with two operations in two estimators. A gradient is a sum in which much cancels: it keeps its direction.
        Assert.InRange(((half.Logits - full.Logits).norm() / full.Logits.norm()).item<float>(), 1e-4, Unit * Math.Sqrt(2 * 3 * 8));
        Assert.InRange(nn.functional.cosine_similarity(half.Gradient, full.Gradient, dim: 0).item<float>(), 0.98, 0.99999);
    }

    /// <summary>Margin: the loss falls to below a half; where both end, they are within 5 % of where they started.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_short_training_reaches_the_same_loss_as_in_float32(string name)
    {
        var device = Cuda.DeviceOrSkip(name);
        var (full, half) = (Train(ComputePrecision.Float32, device), Train(ComputePrecision.Bfloat16, device));

        Assert.True(full[^1] < full[0] / 2, $"the loss went from {full[0]} to {full[^1]}");
        Assert.Equal(full[^1], half[^1], tolerance: 0.05 * full[0]);
        Assert.NotEqual(full, half);
    }

    [Fact]
    public void A_step_in_bfloat16_leaves_no_tensor_behind()
    {
        using var network = Build(Posterior.Plain);
        network.Precision = ComputePrecision.Bfloat16;
        void Step()
        {
            using var scope = NewDisposeScope();
            network.forward(Image()).sum().backward();
        }

        Step();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Step();
        Step();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private static List<float> Train(ComputePrecision precision, Device device)
    {
        using var scope = NewDisposeScope();
        using var network = Build(Posterior.Plain);
        network.to(device);
        network.Precision = precision;
        using var optimiser = optim.AdamW(network.parameters(), lr: 5e-3);
        var image = Image().to(device);
        var target = image.gt(0.5).squeeze(1).to(int64);
        var losses = new List<float>();
        for (var step = 0; step < 40; step++)
        {
            using var inner = NewDisposeScope();
            using var terms = LossSum.Parse("dice + cross-entropy").Compute(network.forward(image), target, progress: 0);
            optimiser.zero_grad();
            terms.Total.backward();
            optimiser.step();
            losses.Add(terms.Total.item<float>());
        }

        return losses;
    }

    private static Tensor Image()
    {
        using var generator = new Generator(2);
        return randn([2, 1, 8, 12, 8], generator: generator);
    }

    private static Network Build(Posterior posterior, WeightEstimator estimator = WeightEstimator.Reparameterisation)
    {
        using var generator = new Generator(11);
        return UNet.Build(new NetworkOptions { InputChannels = 1, Classes = 2, Width = 16, Strides = [[2, 2, 2]], Posterior = posterior, Estimator = estimator }, generator);
    }
}
