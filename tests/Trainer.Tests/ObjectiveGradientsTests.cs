using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class ObjectiveGradientsTests
{
    /// <summary>Oracle: one backward pass through the sum of both terms.</summary>
    [Fact]
    public void Sum_of_both_gradients_is_the_gradient_of_the_sum()
    {
        const double KlFactor = 1e-3, DataFactor = 2;
        using var scope = NewDisposeScope();
        using var seed = new Generator(3);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Posterior = Posterior.MeanField }, seed);
        var image = randn([1, 1, 8, 8, 8]);
        var target = zeros([1, 8, 8, 8], int64);
        LossTerms Loss() => LossSum.Parse("dice + cross-entropy").Compute(network.forward(image), target, progress: 0);

        using (var terms = Loss())
        {
            (DataFactor * terms.Total + KlFactor * network.KlDivergence(new MeanNoise())).backward();
        }

        var expected = network.parameters().Select(p => p.grad?.clone()).ToList();
        network.zero_grad();
        ObjectiveValues values;
        using (var terms = Loss())
        {
            values = ObjectiveGradients.Backward(network, terms, DataFactor, KlFactor, new MeanNoise());
        }

        Assert.Contains(expected, g => g is not null);
        foreach (var (parameter, gradient) in network.parameters().Zip(expected))
        {
            Assert.True(gradient is null ? parameter.grad is null : parameter.grad!.allclose(gradient, 1e-4, 1e-6));
        }

        Assert.Equal(network.KlDivergence(new MeanNoise()).item<float>(), values.Kl, tolerance: 1e-2);
        Assert.InRange(values.Total.Cosine!.Value, -1.001, 1.001);
        Assert.True(values.Total is { DataNorm: > 0, KlNorm: > 0 });
    }
}
