namespace Credence.Models.Tests;

public sealed class KlWarmUpTests
{
    [Fact]
    public void Without_a_warm_up_the_kl_counts_fully_from_the_first_step()
    {
        Assert.All([0.0, 0.5, 1], progress => Assert.Equal(1, new KlWarmUp().At(progress)));
        Assert.Equal("", new KlWarmUp().ToString());
    }

    /// <summary>Worked by hand: over the first 20 % of the run.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.05, 0.25)]
    [InlineData(0.2, 1)]
    [InlineData(0.9, 1)]
    public void A_linear_warm_up_rises_once(double progress, double factor) =>
        Assert.Equal(factor, new KlWarmUp { Kind = KlWarmUpKind.Linear, Share = 0.2 }.At(progress), tolerance: 1e-12);

    /// <summary>Worked by hand: two cycles, rising over the first half of each.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0.125, 0.5)]
    [InlineData(0.25, 1)]
    [InlineData(0.49, 1)]
    [InlineData(0.5, 0)]
    [InlineData(0.625, 0.5)]
    [InlineData(0.99, 1)]
    [InlineData(1, 1)]
    public void A_cyclical_warm_up_starts_again_in_every_cycle(double progress, double factor) =>
        Assert.Equal(factor, new KlWarmUp { Kind = KlWarmUpKind.Cyclical, Share = 0.5, Cycles = 2 }.At(progress), tolerance: 1e-12);

    [Fact]
    public void A_schedule_that_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new KlWarmUp { Share = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new KlWarmUp { Share = 1.5 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new KlWarmUp { Cycles = 0 });
    }
}
