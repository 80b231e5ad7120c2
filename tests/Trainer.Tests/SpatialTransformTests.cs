using Credence.MedicalIO;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

public sealed class SpatialTransformTests
{
    private static readonly AugmentationOptions Turning = new() { RotationProbability = 1, ScaleProbability = 0, FlipAxes = "" };

    /// <summary>A patch that is turned out of a thin scan would see a band of it and air, and call that background.</summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(5, 4)]
    public void A_rotation_does_not_turn_the_patch_out_of_a_thin_scan(int depth, double room)
    {
        Size3 size = new(64, 64, depth);
        var draws = Draws(size, size);

        // The middle slice keeps its ends within half a scan; along its edges both rotations may add up.
        Assert.All(draws, t => Assert.InRange(Rise(t, size, 31.5, 0), 0, room / 2 + 1e-9));
        Assert.All(draws, t => Assert.InRange(Rise(t, size, 0, 31.5), 0, room / 2 + 1e-9));
        Assert.Equal(depth > 1, draws.Max(t => Rise(t, size, 31.5, 0)) > 0.3 * room / 2 + 1e-9);
        Assert.True(draws.Max(t => Math.Abs(t.ToCase.ColumnI.Y)) > Math.Sin(15 * Math.PI / 180)); // within the slice as far as ever
    }

    [Fact]
    public void In_a_scan_with_room_the_angles_are_those_asked_for()
    {
        var draws = Draws(new(64, 64, 64), new(80, 80, 80));

        foreach (var angle in new Func<SpatialTransform, double>[] { t => t.ToCase.ColumnI.Y, t => t.ToCase.ColumnI.Z, t => t.ToCase.ColumnJ.Z })
        {
            Assert.InRange(draws.Max(angle), Math.Sin(18 * Math.PI / 180), Math.Sin(21 * Math.PI / 180));
        }
    }

    private static double Rise(SpatialTransform transform, Size3 size, double i, double j)
    {
        Vector3D centre = new((size.Width - 1) / 2.0, (size.Height - 1) / 2.0, (size.Depth - 1) / 2.0);
        return Math.Abs(transform.ToCase.Apply(centre + new Vector3D(i, j, 0)).Z - centre.Z);
    }

    private static List<SpatialTransform> Draws(Size3 patch, Size3 size) =>
        [.. Enumerable.Range(0, 500).Select(n => SpatialTransform.Draw(default, patch, size, new(1, 1, 1), Turning, new Random(n), new Random(n)))];
}
