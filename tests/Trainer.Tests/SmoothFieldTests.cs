using Credence.MedicalIO;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

/// <summary>Smooth random functions. Oracles: properties of cubic splines and of normal numbers, and matrix products of libtorch.</summary>
public sealed class SmoothFieldTests
{
    private static readonly Size3 Patch = new(13, 9, 6);

    [Theory]
    [MemberData(nameof(PatchBlocksTests.Devices), MemberType = typeof(PatchBlocksTests))]
    public void A_device_computes_the_values_of_the_host(string name)
    {
        var device = Cuda.DeviceOrSkip(name);
        using var scope = NewDisposeScope();
        var field = new SmoothField(Patch, new(3, 2, 1), deviation: 2, seed: 5);
        using var expected = tensor(field.Values(), [Patch.Depth, Patch.Height, Patch.Width]);

        Assert.True(field.Values(device).cpu().allclose(expected, rtol: 0, atol: 1e-12));
    }

    [Fact]
    public void Values_have_the_standard_deviation_asked_for_and_stay_within_the_bound()
    {
        var squares = new List<double>();
        for (var seed = 0u; seed < 400; seed++)
        {
            var field = new SmoothField(Patch, new(3, 2, 2), deviation: 2, seed);
            var values = field.Values();
            Assert.All(values, v => Assert.InRange(Math.Abs(v), 0, field.Bound));
            squares.Add(values.Average(v => v * v));
        }

        // A chi-square mean: its error is known from the spread of the squares.
        var (mean, error) = (squares.Average(), Math.Sqrt(squares.Average(s => s * s) - Math.Pow(squares.Average(), 2)) / Math.Sqrt(squares.Count));
        Assert.Equal(4, mean, tolerance: Math.Max(4 * error, 0.2));
        Assert.InRange(error, 0, 0.2);
    }

    /// <summary>One segment is a cubic polynomial, whose fourth differences are 0; two segments have a jump in the third derivative.</summary>
    [Fact]
    public void Pieces_are_cubic_and_join_smoothly()
    {
        var one = Line(segments: 1);
        var two = Line(segments: 2);

        Assert.All(Differences(one, 4), d => Assert.Equal(0, d, tolerance: 1e-9));
        Assert.Contains(Differences(two, 4), d => Math.Abs(d) > 1e-3);
        Assert.All(Differences(two[..7], 4).Concat(Differences(two[6..], 4)), d => Assert.Equal(0, d, tolerance: 1e-9));
        // The second derivative at the join, voxel 6, is the same from both sides: that of a cubic from the second differences at 1 and 2 voxels from it.
        var second = Differences(two, 2); // second[n] is at voxel n + 1
        Assert.Equal(2 * second[4] - second[3], 2 * second[6] - second[7], tolerance: 1e-9);
    }

    private static double[] Line(int segments) => new SmoothField(new(13, 1, 1), new(segments, 1, 1), deviation: 1, seed: 3).Values();

    private static double[] Differences(double[] values, int order) =>
        order == 0 ? values : Differences([.. values.Zip(values.Skip(1), (a, b) => b - a)], order - 1);
}
