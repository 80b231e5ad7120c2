using CsCheck;
using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Inference.Tests;

public sealed class MetricsTests
{
    [Fact]
    public void Dice_of_a_worked_case()
    {
        var geometry = new VolumeGeometry(new(6, 1, 1), Affine.Identity);
        LabelMap a = new(geometry, [1, 1, 1, 0, 2, 0]), b = new(geometry, [0, 1, 1, 1, 0, 0]);

        Assert.Equal(2.0 * 2 / 6, DiceScore.Compute(a, b, 1), precision: 12);
        Assert.Equal(0, DiceScore.Compute(a, b, 2));
        Assert.True(double.IsNaN(DiceScore.Compute(a, b, 3)));
        Assert.Throws<ArgumentException>(() => DiceScore.Compute(a, new(new(new(1, 1, 1), Affine.Identity), [0]), 1));
    }

    /// <summary>Oracle: components merged until nothing changes.</summary>
    [Fact]
    public void Components_are_the_classes_of_touching_voxels() =>
        Gen.Select(Gen.Int[1, 6].Array[3], Gen.Double[0, 0.6], Gen.Int[0, 10_000]).Sample((edges, density, seed) =>
        {
            var size = new Size3(edges[0], edges[1], edges[2]);
            var random = new Random(seed);
            var mask = Enumerable.Range(0, (int)size.Count).Select(_ => random.NextDouble() < density).ToArray();
            var (components, counts) = ConnectedComponents.Label(mask, size);

            var expected = Enumerable.Range(0, mask.Length).ToArray();
            for (var isChanged = true; isChanged;)
            {
                isChanged = false;
                for (var a = 0; a < mask.Length; a++)
                {
                    for (var b = 0; b < mask.Length; b++)
                    {
                        var isTouching = Math.Abs(a % edges[0] - b % edges[0]) <= 1 && Math.Abs(a / edges[0] % edges[1] - b / edges[0] % edges[1]) <= 1
                            && Math.Abs(a / edges[0] / edges[1] - b / edges[0] / edges[1]) <= 1;
                        if (mask[a] && mask[b] && isTouching && expected[a] > expected[b])
                        {
                            (expected[a], isChanged) = (expected[b], true);
                        }
                    }
                }
            }

            Assert.Equal(counts.Count, Enumerable.Range(0, mask.Length).Where(v => mask[v]).Select(v => expected[v]).Distinct().Count());
            Assert.Equal(mask.Count(m => m), counts.Sum());
            for (var a = 0; a < mask.Length; a++)
            {
                Assert.Equal(mask[a], components[a] != 0);
                for (var b = 0; b < mask.Length; b++)
                {
                    Assert.True(!mask[a] || !mask[b] || (components[a] == components[b]) == (expected[a] == expected[b]));
                }
            }
        }, iter: 150, seed: "0N0XIzNsQ0O2", threads: 1);
}
