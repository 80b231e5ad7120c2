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

    /// <summary>No step of a run stands at progress 1: what counts is the factor of the last one.</summary>
    [Theory]
    [InlineData(KlWarmUpKind.None, 0.5, 1, true)]
    [InlineData(KlWarmUpKind.Linear, 0.5, 2, true)]
    [InlineData(KlWarmUpKind.Linear, 0.5, 1, false)]
    [InlineData(KlWarmUpKind.Linear, 0.999, 1000, true)]
    [InlineData(KlWarmUpKind.Linear, 0.999, 999, false)]
    [InlineData(KlWarmUpKind.Cyclical, 0.5, 1000, true)]
    [InlineData(KlWarmUpKind.Cyclical, 0.999, 1000, false)]
    public void The_last_step_of_a_run_has_the_full_weight_or_the_schedule_says_no(KlWarmUpKind kind, double share, long steps, bool endsAtOne)
    {
        var schedule = new KlWarmUp { Kind = kind, Share = share };

        Assert.Equal(endsAtOne, schedule.EndsAtOne(steps));
        Assert.Equal(endsAtOne, Enumerable.Range(0, (int)steps).Select(step => schedule.At((double)step / steps)).Last() == 1);
    }

    /// <summary>29 % of 100 cycles is 28.999999999999996 of them in floating point.</summary>
    [Fact]
    public void Every_cycle_begins_at_0_however_many_there_are()
    {
        var schedule = new KlWarmUp { Kind = KlWarmUpKind.Cyclical, Cycles = 100 };

        Assert.All(Enumerable.Range(0, 100), step => Assert.Equal(0, schedule.At(step / 100.0), tolerance: 1e-6));
    }

    [Fact]
    public void A_schedule_that_cannot_be_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new KlWarmUp { Share = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new KlWarmUp { Share = 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new KlWarmUp { Cycles = 0 });
    }
}
