using Credence.Inference.Metrics;

namespace Credence.Inference.Tests.Metrics;

public sealed class ReliabilityDiagramTests
{
    [Fact]
    public void Pooled_diagrams_equal_the_diagram_of_all_voxels()
    {
        var random = new Random(20_26);
        var parts = new[] { 1, 400, 37 }.Select(n => (P: Enumerable.Range(0, n).Select(_ => random.NextSingle() * random.NextSingle()).ToArray(), Y: Enumerable.Range(0, n).Select(_ => random.Next(3) == 0).ToArray())).ToList();

        var pooled = ReliabilityDiagram.Pool([.. parts.Select(p => ReliabilityDiagram.EqualWidth(p.P, p.Y, 15))]);

        var whole = ReliabilityDiagram.EqualWidth(parts.SelectMany(p => p.P).ToArray(), parts.SelectMany(p => p.Y).ToArray(), 15);
        Assert.Equal(whole.Bins.Select(b => b.Count), pooled.Bins.Select(b => b.Count));
        Assert.All(whole.Bins.Zip(pooled.Bins).Where(b => b.First.Count > 0), b =>
        {
            Assert.Equal(b.First.MeanProbability, b.Second.MeanProbability, tolerance: 1e-12);
            Assert.Equal(b.First.ObservedFrequency, b.Second.ObservedFrequency, tolerance: 1e-12);
        });
        Assert.Equal(whole.WeightedGap, pooled.WeightedGap, tolerance: 1e-12);
    }

    [Fact]
    public void Diagrams_with_other_bins_are_refused()
    {
        var error = Assert.Throws<ArgumentException>(() => ReliabilityDiagram.Pool([ReliabilityDiagram.EqualWidth([0.5f], [true], 10), ReliabilityDiagram.EqualWidth([0.5f], [true], 15)]));
        Assert.StartsWith("2 diagrams with 10, 15 bins cannot be pooled.", error.Message, StringComparison.Ordinal);
    }
}
