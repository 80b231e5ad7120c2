using Credence.Models;
using Credence.Models.Layers;
using Credence.Trainer.Distributed;

namespace Credence.Trainer.Tests.Distributed;

public sealed class ElasticAverageTests
{
    /// <summary>By hand, with β = 0.9 and p = 3, so that α = 0.3: centre 2; weights 1, 4, 7 are -1, 2, 5 away from it, in sum 6.</summary>
    [Fact]
    public void Weights_and_centre_pull_at_each_other_as_in_the_paper()
    {
        var moved = Rendezvous.Run(3, (meeting, rank) =>
        {
            using var scope = NewDisposeScope();
            using var network = OneWeight();
            using var elastic = new ElasticAverage(network, new ThreadGroup(meeting, rank, 3), period: 2, strength: 0.9);
            Set(network, 1 + 3 * rank);

            elastic.Exchange(step: 0); // not its turn
            var before = Get(network);
            elastic.Exchange(step: 1);
            return (Before: before, After: Get(network), Centre: elastic.While(() => Get(network)), Back: Get(network));
        });

        Assert.Equal([1.0, 4, 7], moved.Select(m => m.Before));
        foreach (var (expected, actual) in new[] { 1.3, 3.4, 5.5 }.Zip(moved)) // 1 + 0.3, 4 - 0.6, 7 - 1.5
        {
            Assert.Equal(expected, actual.After, 1e-6);
            Assert.Equal(actual.After, actual.Back);
            Assert.Equal(3.8, actual.Centre, 1e-6); // 2 + 0.3 x 6
        }
    }

    /// <summary>A network whose every parameter is 2.</summary>
    private static Network OneWeight()
    {
        long[] shape = [2, 1, 1, 1, 1];
        var network = new Network(new() { InputChannels = 1, Classes = 2 }, [new("output", new Convolution(new PointWeight(ones(shape)), shape, [1, 1, 1]), [Network.Image])]);
        Set(network, 2);
        return network;
    }

    private static void Set(Network network, double value)
    {
        using var noGradient = no_grad();
        foreach (var parameter in network.parameters())
        {
            parameter.fill_(value);
        }
    }

    private static double Get(Network network) => network.parameters().Last().detach().mean().item<float>();
}
