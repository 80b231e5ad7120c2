using Credence.Models;
using Credence.Models.Layers;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class L1ShrinkageTests
{
    /// <summary>Oracle: the minimiser of (v - w)² / 2 + t |v|, found by search.</summary>
    [Fact]
    public void A_shrunk_weight_minimises_distance_plus_penalty()
    {
        const double Rate = 0.5, Strength = 0.2;
        using var scope = NewDisposeScope();
        using var seed = new Generator(4);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2 }, seed);
        var weight = network.Weights.OfType<PointWeight>().First();
        var before = weight.Value.detach().flatten().data<float>().ToArray();

        new L1Shrinkage(network, Strength).Apply(Rate);

        var after = weight.Value.detach().flatten().data<float>().ToArray();
        Assert.Contains(0f, after);
        foreach (var (w, found) in before.Zip(after))
        {
            var best = Enumerable.Range(-20_000, 40_001).Select(n => n / 10_000.0).MinBy(v => (v - w) * (v - w) / 2 + Rate * Strength * Math.Abs(v));
            Assert.Equal(best, found, tolerance: 1e-4);
        }
    }

    [Fact]
    public void Gaussian_weights_and_a_strength_of_0_change_nothing()
    {
        using var scope = NewDisposeScope();
        using var seed = new Generator(4);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Posterior = Posterior.MeanField }, seed);
        var before = network.parameters().Select(p => p.detach().clone()).ToList();

        new L1Shrinkage(network, 1).Apply(1);

        Assert.All(network.parameters().Zip(before), pair => Assert.True(pair.First.equal(pair.Second).all().item<bool>()));
    }
}
