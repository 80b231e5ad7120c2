using Credence.Models;
using Credence.Models.Architecture;
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
            values = AddKl(network, terms, DataFactor, KlFactor, new MeanNoise());
        }

        Assert.Contains(expected, g => g is not null);
        foreach (var (parameter, gradient) in network.parameters().Zip(expected))
        {
            Assert.True(gradient is null ? parameter.grad is null : parameter.grad!.allclose(gradient, 1e-4, 1e-6));
        }

        Assert.Equal(network.KlDivergence(new MeanNoise()).item<float>(), values.Kl, tolerance: 1e-2);
    }

    /// <summary>Oracle: the gradients that autograd gives of each term alone, each set flattened to one vector, in float64.</summary>
    [Theory]
    [InlineData(BayesianStages.All)]
    [InlineData(BayesianStages.Decoder)]
    public void Norms_and_cosines_are_those_of_the_two_gradients(BayesianStages stages)
    {
        const double KlFactor = 0.02, DataFactor = 3;
        using var scope = NewDisposeScope();
        using var seed = new Generator(5);
        using var network = UNet.Build(
            new() { InputChannels = 1, Classes = 2, Width = 2, Posterior = Posterior.MeanField, BayesianStages = stages, InitialSigmaRatio = 0.5 }, seed);
        var noise = new GivenNoise(network.NoiseInputs.ToDictionary(n => n.Name, n => randn(n.Shape.Select(d => (long)d).ToArray(), generator: seed)));
        var image = randn([2, 1, 8, 8, 8], generator: seed);
        var target = (rand([2, 8, 8, 8], generator: seed) > 0.7).to(int64);
        LossTerms Loss() => LossSum.Parse("dice + cross-entropy").Compute(network.Run(image, noise), target, progress: 0);

        var parameters = network.parameters().Cast<Tensor>().ToList();
        var places = parameters.Select((p, n) => (p.Handle, n)).ToDictionary();
        IReadOnlyList<Tensor> Gradients(Tensor term) => [.. autograd.grad([term], parameters, allow_unused: true)
            .Zip(parameters, (g, p) => (g is null || g.IsInvalid ? zeros_like(p) : g).to(float64).flatten())];
        IReadOnlyList<Tensor> data, kl;
        using (var terms = Loss())
        {
            (data, kl) = (Gradients(terms.Total * DataFactor), Gradients(network.KlDivergence(noise) * KlFactor));
        }

        ObjectiveValues values;
        using (var terms = Loss())
        {
            values = AddKl(network, terms, DataFactor, KlFactor, noise);
        }

        void Check(IEnumerable<int> of, GradientPull pull)
        {
            var (a, b) = (cat([.. of.Select(n => data[n])]), cat([.. of.Select(n => kl[n])]));
            var (dataNorm, klNorm) = (a.norm().item<double>(), b.norm().item<double>());
            Assert.Equal(dataNorm, pull.DataNorm, 1e-4 * dataNorm);
            Assert.Equal(klNorm, pull.KlNorm, 1e-4 * klNorm);
            Assert.Equal(klNorm == 0, pull.Cosine is null);
            Assert.Equal(klNorm == 0 ? 0 : a.dot(b).item<double>() / dataNorm / klNorm, pull.Cosine ?? 0, 1e-4);
        }

        Check(Enumerable.Range(0, parameters.Count), values.Total);
        Assert.All(network.Weights.Zip(values.Layers), layer => Check(((nn.Module)layer.First).parameters().Select(p => places[p.Handle]), layer.Second));
        Assert.Equal(stages == BayesianStages.All, values.Layers.All(l => l.KlNorm > 0));
        Assert.Equal(network.Weights.Count(), values.Layers.Count);
    }

    private static ObjectiveValues AddKl(Network network, LossTerms terms, double dataFactor, double klFactor, INoiseSource noise)
    {
        var data = terms.Total * dataFactor;
        data.backward();
        return ObjectiveGradients.AddKl(network, new(data.detach(), terms.NegativeLogLikelihood), klFactor, noise);
    }
}
