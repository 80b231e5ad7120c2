using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed class OverlapCountsTests
{
    [Fact]
    public void Dice_of_a_worked_case()
    {
        var geometry = new VolumeGeometry(new(6, 1, 1), Affine.Identity);
        LabelMap a = new(geometry, [1, 1, 1, 0, 2, 0]), b = new(geometry, [0, 1, 1, 1, 0, 0]);

        Assert.Equal(2.0 * 2 / 6, DiceScore.Compute(a, b, 1), precision: 12);
        Assert.Equal(0, DiceScore.Compute(a, b, 2));
        Assert.True(double.IsNaN(DiceScore.Compute(a, b, 3)));
        Assert.Equal(
            "The prediction has 6 x 1 x 1 voxels but the reference 1 x 1 x 1. (Parameter 'reference')",
            Assert.Throws<ArgumentException>(() => DiceScore.Compute(a, new(new(new(1, 1, 1), Affine.Identity), [0]), 1)).Message);
    }

    /// <summary>By hand: P = 100 of N = 100 100 voxels is the load r = 0.001 itself but for N - P against N, so k = 0.999 x 100 / (0.001 x 100 000) = 0.999.</summary>
    [Fact]
    public void Normalised_dice_scales_false_positives_to_a_load_of_a_thousandth()
    {
        var counts = new OverlapCounts(80, 40, 20, 100_100);

        Assert.Equal(160 / (160 + 0.999 * 40 + 20), counts.NormalisedDice(), precision: 12);
        Assert.Equal(160.0 / 220, counts.Dice, precision: 12);
        Assert.Equal(0, new OverlapCounts(0, 5, 0, 1000).NormalisedDice());
        Assert.Equal(2.0 * 600 / (2 * 600 + 400), new OverlapCounts(600, 0, 400, 1000).NormalisedDice(), precision: 12); // no background to be wrong about
    }
}
