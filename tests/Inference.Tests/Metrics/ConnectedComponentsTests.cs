using CsCheck;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed class ConnectedComponentsTests
{
    /// <summary>Oracle: components merged until nothing changes.</summary>
    [Theory]
    [InlineData(nameof(Connectivity.Six), 1)]
    [InlineData(nameof(Connectivity.Eighteen), 2)]
    [InlineData(nameof(Connectivity.TwentySix), 3)]
    public void Components_are_the_classes_of_touching_voxels(string connectivity, int axes) =>
        Gen.Select(Gen.Int[1, 6].Array[3], Gen.Double[0, 0.6], Gen.Int[0, 10_000]).Sample((edges, density, seed) =>
        {
            var size = new Size3(edges[0], edges[1], edges[2]);
            var random = new Random(seed);
            var mask = Enumerable.Range(0, (int)size.Count).Select(_ => random.NextDouble() < density).ToArray();
            var (components, counts) = ConnectedComponents.Label(mask, size, Enum.Parse<Connectivity>(connectivity));

            var expected = Enumerable.Range(0, mask.Length).ToArray();
            for (var isChanged = true; isChanged;)
            {
                isChanged = false;
                for (var a = 0; a < mask.Length; a++)
                {
                    for (var b = 0; b < mask.Length; b++)
                    {
                        var steps = new[]
                        {
                            Math.Abs(a % edges[0] - b % edges[0]), Math.Abs(a / edges[0] % edges[1] - b / edges[0] % edges[1]), Math.Abs(a / edges[0] / edges[1] - b / edges[0] / edges[1]),
                        };
                        if (mask[a] && mask[b] && steps.Max() <= 1 && steps.Sum() <= axes && expected[a] > expected[b])
                        {
                            (expected[a], isChanged) = (expected[b], true);
                        }
                    }
                }
            }

            // Numbered by their first voxel, which is what merging towards the lower index leaves.
            var firsts = Enumerable.Range(0, mask.Length).Where(v => mask[v] && expected[v] == v).ToList();
            Assert.Equal(Enumerable.Range(0, mask.Length).Select(v => mask[v] ? firsts.IndexOf(expected[v]) + 1 : 0), components);
            Assert.Equal(firsts.Select(first => Enumerable.Range(0, mask.Length).Count(v => mask[v] && expected[v] == first)), counts);
        }, iter: 100, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Twenty_six_neighbours_are_the_rule_when_nothing_else_is_said()
    {
        bool[] corners = [true, false, false, false, false, false, false, true];

        Assert.Single(ConnectedComponents.Label(corners, new(2, 2, 2)).VoxelCounts);
        Assert.Equal([1, 1], ConnectedComponents.Label(corners, new(2, 2, 2), Connectivity.Eighteen).VoxelCounts);
    }

    [Fact]
    public void A_grid_without_voxels_has_no_component()
    {
        var (components, counts) = ConnectedComponents.Label([], default);

        Assert.Empty(components);
        Assert.Empty(counts);
    }
}
