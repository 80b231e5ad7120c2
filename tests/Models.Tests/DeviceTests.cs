using Credence.Models.Architecture;
using Credence.Models.Losses;

namespace Credence.Models.Tests;

/// <summary>What a device computes in float32, against float64 on the host.</summary>
public sealed class DeviceTests
{
    public static TheoryData<string, string> Networks => OnEveryDevice(Options.Keys);

    public static TheoryData<string, string> Losses => OnEveryDevice(
    [
        "dice + cross-entropy", "hard-negatives(k=3)", "generalised-cross-entropy(q=0.5)", "focal(gamma=2, alpha=0.25)", "tversky", "focal-tversky", "generalised-dice", "top-k(percent=10)", "dice(batch, squared)", "avuc(threshold=0.4)",
    ]);

    private static Dictionary<string, NetworkOptions> Options
    {
        get
        {
            var plain = new NetworkOptions { InputChannels = 2, Classes = 3, Width = 8, Strides = [[1, 2, 2], [2, 2, 2]] };
            return new()
            {
                ["plain"] = plain,
                ["group norm"] = plain with { Norm = NormKind.Group },
                ["batch norm"] = plain with { Norm = NormKind.Batch },
                ["residual"] = plain with { Encoder = EncoderKind.Residual },
                ["deep supervision"] = plain with { HasDeepSupervision = true, Strides = [[1, 2, 2], [2, 2, 2], [2, 2, 2]] },
                ["channel dropout"] = plain with { Posterior = Posterior.ChannelDropout },
                ["mean-field"] = plain with { Posterior = Posterior.MeanField },
                ["mean-field decoder"] = plain with { Posterior = Posterior.MeanField, BayesianStages = BayesianStages.Decoder },
                ["classifier"] = plain with { Kind = NetworkKind.Classifier },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Logits_KL_and_gradients_are_those_of_float64(string name, string deviceName)
    {
        var device = Cuda.DeviceOrSkip(deviceName);
        using var scope = NewDisposeScope();
        using var draws = new Generator(3);
        var image = randn([2, 2, 8, 16, 16], float64, generator: draws);
        using var exact = Build(name);
        using var single = Build(name);
        Assert.Equal(exact.Options.HasDeepSupervision, exact.Auxiliary.Count > 0);
        exact.to(float64);
        single.to(device);
        var given = exact.NoiseInputs.ToDictionary(n => n.Name, n => n.Name.StartsWith("mask/", StringComparison.Ordinal)
            ? rand([.. n.Shape], float64, generator: draws).ge(0.3).to(float64)
            : randn([.. n.Shape], float64, generator: draws));
        Tensor? direction = null;
        (Tensor Logits, double Kl, Tensor Gradient) Pass(Network network, Device on, ScalarType type)
        {
            var noise = new GivenNoise(given.ToDictionary(n => n.Key, n => n.Value.to(type).to(on)));
            var outputs = network.RunWithAuxiliary(image.to(type).to(on), noise);
            var logits = cat([.. outputs.Select(o => o.flatten())]);
            direction ??= randn(logits.shape, float64, generator: draws);
            var kl = network.KlDivergence(noise);
            ((logits * direction.to(type).to(on)).sum() + (1e-3 * kl)).backward();
            return (logits.detach().cpu().to(float64), kl.ToDouble(), cat([.. network.parameters().Select(p => (p.grad ?? zeros_like(p)).flatten())]).cpu().to(float64));
        }

        var expected = Pass(exact, CPU, float64);
        var actual = Pass(single, device, float32);

        // float32 has 24 bits; what the layers do to an error of 6e-8 in each of some ten thousand sums stays far below this, TF32 (5e-4) far above.
        Assert.InRange(Error(actual.Logits, expected.Logits), 0, 2e-5);
        Assert.Equal(expected.Kl, actual.Kl, 1e-5 * Math.Max(1, expected.Kl));
        Assert.InRange(Error(actual.Gradient, expected.Gradient), 0, 1e-4);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Losses_and_their_gradients_are_those_of_float64(string text, string deviceName)
    {
        var device = Cuda.DeviceOrSkip(deviceName);
        using var scope = NewDisposeScope();
        using var draws = new Generator(4);
        var logits = 3 * randn([2, 2, 8, 9, 10], float64, generator: draws);
        var target = rand([2, 8, 9, 10], generator: draws).lt(0.02).to(int64);
        var loss = LossSum.Parse(text);
        (double Loss, Tensor Gradient) Value(Device on, ScalarType type)
        {
            var input = logits.detach().clone().to(type).to(on).requires_grad_();
            using var terms = loss.Compute(input, target.to(on), progress: 0.5);
            terms.Total.backward();
            return (terms.Total.ToDouble(), input.grad!.cpu().to(float64));
        }

        var (expected, actual) = (Value(CPU, float64), Value(device, float32));

        Assert.Equal(expected.Loss, actual.Loss, 1e-5 * Math.Max(1, Math.Abs(expected.Loss)));
        Assert.InRange(Error(actual.Gradient, expected.Gradient), 0, 1e-4);
    }

    /// <summary>Oracle: mean and variance of a sum of independent Gaussians, without any draw; margins of 5 standard errors.</summary>
    [Theory]
    [InlineData(WeightEstimator.Reparameterisation, "cpu")]
    [InlineData(WeightEstimator.Flipout, "cpu")]
    [InlineData(WeightEstimator.LocalReparameterisation, "cpu")]
    [InlineData(WeightEstimator.Reparameterisation, Cuda.Name)]
    [InlineData(WeightEstimator.Flipout, Cuda.Name)]
    [InlineData(WeightEstimator.LocalReparameterisation, Cuda.Name)]
    public void Estimators_draw_the_mean_and_variance_of_the_posterior(WeightEstimator estimator, string deviceName)
    {
        const int Draws = 800;
        var device = Cuda.DeviceOrSkip(deviceName);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var initialisation = new Generator(5);
        using var network = UNet.Build(
            new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Posterior = Posterior.MeanField, BayesianStages = BayesianStages.OutputLayer, Estimator = estimator, InitialSigmaRatio = 0.5 },
            initialisation);
        network.to(device);
        var image = randn([1, 1, 4, 4, 4], generator: initialisation).to(device);
        using var generator = new Generator(6);
        var noise = new TrainingNoise(generator, device);
        var (sum, squares) = (zeros([2, 4, 4, 4], float64, device), zeros([2, 4, 4, 4], float64, device));
        for (var n = 0; n < Draws; n++)
        {
            using var inner = NewDisposeScope();
            var logits = network.Run(image, noise)[0].to(float64);
            sum.add_(logits);
            squares.add_(logits * logits);
        }

        var mean = network.Run(image, new MeanNoise())[0].to(float64);
        var input = Assert.Single(network.NoiseInputs);

        // The logits are linear in the noise of this layer: what one element adds, squared and summed, is the variance.
        var variance = zeros_like(mean);
        var count = input.Shape.Aggregate(1L, (a, b) => a * b);
        for (var n = 0L; n < count; n++)
        {
            using var inner = NewDisposeScope();
            var single = zeros(count, device: device);
            single[n] = 1;
            var given = new GivenNoise(new Dictionary<string, Tensor> { [input.Name] = single.view([.. input.Shape]) });
            variance.add_((network.Run(image, given)[0].to(float64) - mean).square());
        }

        var drawnMean = sum / Draws;
        var drawnVariance = squares / Draws - drawnMean.square();
        Assert.True(((drawnMean - mean).abs() < 5 * (variance / Draws).sqrt()).all().ToBoolean());
        Assert.True(((drawnVariance / variance - 1).abs() < 5 * Math.Sqrt(2.0 / Draws)).all().ToBoolean());
    }

    private static TheoryData<string, string> OnEveryDevice(IEnumerable<string> names)
    {
        var data = new TheoryData<string, string>();
        foreach (var name in names)
        {
            data.Add(name, "cpu");
            data.Add(name, Cuda.Name);
        }

        return data;
    }

    private static Network Build(string name)
    {
        using var generator = new Generator(11);
        return Network.Build(Options[name], generator);
    }

    private static double Error(Tensor actual, Tensor expected) => ((actual - expected).norm() / expected.norm()).ToDouble();
}
