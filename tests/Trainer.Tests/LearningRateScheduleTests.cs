using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class LearningRateScheduleTests
{
    private static readonly LearningRateSchedule Schedule = new(Top: 0.01, WarmUp: 0.1);

    [Fact]
    public void Rises_linearly_then_decays_to_zero()
    {
        Assert.Equal(0.01 * 0.01, Schedule.At(0), precision: 12);
        Assert.Equal(0.005, Schedule.At(0.05), precision: 12);
        Assert.Equal(0.01, Schedule.At(0.1), precision: 12);
        Assert.Equal(0.01 * Math.Pow(0.5, 0.9), Schedule.At(0.55), precision: 12);
        Assert.Equal(0, Schedule.At(1), precision: 12);
    }

    /// <summary>By hand: 32 patches for a rate that was meant for 8 take 4 times the rate, reached from the rate itself after 5 of 90 epochs.</summary>
    [Fact]
    public void Linear_scaling_rises_from_the_rate_to_k_times_the_rate()
    {
        var scaled = LearningRateSchedule.For(rate: 0.1, warmUp: null, batch: 32, reference: 8);

        Assert.Equal(0.1, scaled.At(0), precision: 12);
        Assert.Equal(0.25, scaled.At(2.5 / 90), precision: 12);
        Assert.Equal(0.4, scaled.At(5.0 / 90), precision: 12);
        Assert.Equal(0, scaled.At(1), precision: 12);
        Assert.Equal(new LearningRateSchedule(0.1, 0.02), LearningRateSchedule.For(rate: 0.1, warmUp: null, batch: 32, reference: null));
    }

    [Fact]
    public void Time_beyond_the_end_is_the_end() => Assert.Equal(0, Schedule.At(1.2));

    [Fact]
    public void No_warm_up_starts_at_the_top() => Assert.Equal(0.01, (Schedule with { WarmUp = 0 }).At(0));
}
