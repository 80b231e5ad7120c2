using CsCheck;
using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed class DistanceTransformTests
{
    /// <summary>Oracle: the shortest of all distances.</summary>
    [Fact]
    public void Every_voxel_gets_the_distance_to_the_nearest_feature() =>
        Gen.Select(Gen.Int[1, 7].Array[3], Gen.Double[0.2, 4].Array[3], Gen.Double[0, 0.3], Gen.Int[0, 10_000]).Sample((edges, mm, density, seed) =>
        {
            var size = new Size3(edges[0], edges[1], edges[2]);
            var random = new Random(seed);
            var features = Enumerable.Range(0, (int)size.Count).Select(_ => random.NextDouble() < density).ToArray();
            var squared = DistanceTransform.Squared(features, size, new(mm[0], mm[1], mm[2]));

            for (var v = 0; v < features.Length; v++)
            {
                var nearest = Enumerable.Range(0, features.Length).Where(f => features[f]).Select(f => Square(0, f, v) + Square(1, f, v) + Square(2, f, v))
                    .DefaultIfEmpty(double.PositiveInfinity).Min();
                Assert.True(nearest == squared[v] || Math.Abs(nearest - squared[v]) <= 1e-12 * nearest, $"{nearest} but {squared[v]}");
            }

            double Square(int axis, int a, int b)
            {
                int[] strides = [1, edges[0], edges[0] * edges[1]];
                var steps = (a / strides[axis] % edges[axis] - b / strides[axis] % edges[axis]) * mm[axis];
                return steps * steps;
            }
        }, iter: 150, seed: "0N0XIzNsQ0O2", threads: 1);
}
