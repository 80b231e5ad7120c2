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

    [Fact]
    public void Time_beyond_the_end_is_the_end() => Assert.Equal(0, Schedule.At(1.2));

    [Fact]
    public void No_warm_up_starts_at_the_top() => Assert.Equal(0.01, (Schedule with { WarmUp = 0 }).At(0));
}
