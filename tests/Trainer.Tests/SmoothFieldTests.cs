using Credence.MedicalIO;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

/// <summary>Smooth random functions. Oracles: properties of cubic splines and of normal numbers.</summary>
public sealed class SmoothFieldTests
{
    [Fact]
    public void Values_have_the_standard_deviation_asked_for()
    {
        var squares = Enumerable.Range(0, 400).Select(seed => SmoothField.Values(new(13, 9, 6), new(3, 2, 2), deviation: 2, (uint)seed).Average(v => v * v)).ToList();
        var error = Math.Sqrt(squares.Average(s => s * s) - Math.Pow(squares.Average(), 2)) / Math.Sqrt(squares.Count);

        // The formula is that of the mean over places; 6 voxels meet the ends of the segments more often than others.
        Assert.Equal(4, squares.Average(), tolerance: 0.2 + 3 * error);
        Assert.InRange(error, 0.01, 0.2);
    }

    /// <summary>One segment is a cubic polynomial, whose fourth differences are 0; two meet with one second derivative and another third.</summary>
    [Theory]
    [InlineData("i")]
    [InlineData("j")]
    [InlineData("k")]
    public void Segments_are_cubic_and_join_smoothly(string axis)
    {
        var one = Line(axis, segments: 1);
        var two = Line(axis, segments: 2);

        Assert.All(Differences(one, 4), d => Assert.Equal(0, d, tolerance: 1e-9));
        Assert.Contains(Differences(two, 4), d => Math.Abs(d) > 1e-3);
        Assert.All(Differences(two[..7], 4).Concat(Differences(two[6..], 4)), d => Assert.Equal(0, d, tolerance: 1e-9));
        // The second derivative at the join, voxel 6, from both sides: that of a cubic from the second differences at 1 and 2 voxels from it.
        var second = Differences(two, 2); // second[n] is at voxel n + 1
        Assert.Equal(2 * second[4] - second[3], 2 * second[6] - second[7], tolerance: 1e-9);
    }

    [Fact]
    public void A_displacement_is_alike_along_all_axes_in_millimetres()
    {
        var (patch, spacing) = (new Size3(40, 24, 6), new Vector3D(1, 2, 5));
        var squares = new double[3];
        for (var seed = 0; seed < 300; seed++)
        {
            var (i, j, k) = Displacement.Draw(patch, spacing, deviation: 3, new Random(seed));
            squares[0] += i.Average(v => v * v * spacing.X * spacing.X) / 300;
            squares[1] += j.Average(v => v * v * spacing.Y * spacing.Y) / 300;
            squares[2] += k.Average(v => v * v * spacing.Z * spacing.Z) / 300;
        }

        Assert.All(squares, s => Assert.Equal(9, s, tolerance: 0.9));
        Assert.Equal(12, Displacement.SegmentLength(patch, spacing));
    }

    /// <summary>A slice, and a patch of one voxel.</summary>
    [Theory]
    [InlineData(16, 12, 1)]
    [InlineData(1, 1, 1)]
    public void Flat_patches_have_values(int width, int height, int depth)
    {
        var patch = new Size3(width, height, depth);
        var (i, j, k) = Displacement.Draw(patch, new(1, 1, 5), deviation: 1, new Random(1));

        Assert.All(new[] { i, j, k }, values => Assert.Equal(patch.Count, values.Length));
        Assert.All(i.Concat(j).Concat(k), v => Assert.True(double.IsFinite(v)));
    }

    private static double[] Line(string axis, int segments)
    {
        var (patch, pieces) = axis switch
        {
            "i" => (new Size3(13, 1, 1), new Size3(segments, 1, 1)),
            "j" => (new Size3(1, 13, 1), new Size3(1, segments, 1)),
            _ => (new Size3(1, 1, 13), new Size3(1, 1, segments)),
        };
        return SmoothField.Values(patch, pieces, deviation: 1, seed: 3);
    }

    private static double[] Differences(double[] values, int order) =>
        order == 0 ? values : Differences([.. values.Zip(values.Skip(1), (a, b) => b - a)], order - 1);
}
