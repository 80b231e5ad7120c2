namespace Credence.MedicalIO.Tests;

public sealed class NormalisationTests
{
    private static readonly VolumeGeometry Line = new(new(6, 1, 1), Affine.Identity);

    [Fact]
    public void Z_score_gives_mean_0_and_deviation_1()
    {
        var scored = Normalisation.ZScore(new(Line, [1, 2, 3, 4, 5, 1_700_000])).Voxels;

        Assert.Equal(0, scored.Average(v => (double)v), tolerance: 1e-6);
        Assert.Equal(1, scored.Average(v => (double)v * v), tolerance: 1e-5);
    }

    [Fact]
    public void In_the_mask_only_voxels_that_are_not_0_count()
    {
        var scored = Normalisation.ZScoreNonZero(new(Line, [0, 0, 2, 4, 0, 6])).Voxels;
        var deviation = Math.Sqrt(8.0 / 3);

        Assert.Equal([0, 0, (float)(-2 / deviation), 0, 0, (float)(2 / deviation)], scored);
    }

    [Fact]
    public void A_constant_or_empty_volume_becomes_0()
    {
        Assert.Equal(new float[6], Normalisation.ZScore(new(Line, [7, 7, 7, 7, 7, 7])).Voxels);
        Assert.Equal(new float[6], Normalisation.ZScoreNonZero(new(Line, new float[6])).Voxels);
    }

    [Fact]
    public void A_large_offset_does_not_lose_the_deviation()
    {
        var scored = Normalisation.ZScore(new(Line, [1_000_000, 1_000_001, 1_000_000, 1_000_001, 1_000_000, 1_000_001])).Voxels;
        Assert.All(scored, v => Assert.Equal(1, Math.Abs(v), tolerance: 1e-5f));
    }
}
