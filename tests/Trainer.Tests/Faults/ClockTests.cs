using System.Text.Json;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Tests.Evaluation;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Faults;

/// <summary>The clock of the machine is set while a run is under way: its time of day jumps, its time since the start does not.</summary>
public sealed class ClockTests
{
    [Theory]
    [InlineData(-400)]
    [InlineData(400)]
    public void Durations_and_budgets_follow_the_time_that_passes_not_the_time_of_day(int days)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var clock = new SetClock(TimeSpan.FromDays(days));
        var options = new TrainingOptions { Data = data.Path, Run = folder.File("run"), Minutes = 0.5, StepsPerEpoch = 3, Width = 4, BatchSize = 2, Device = "cpu", RecencyMinibatches = 0 };
        var result = TrainingLoop.Fit(options, new SilentObserver(), clock, CancellationToken.None);

        Assert.True(clock.Sets > 2);
        Assert.InRange(result.Seconds, 30, 60); // the minutes asked for, and the epoch that was under way
        var seconds = File.ReadAllLines(folder.File("run/log.jsonl")).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("seconds").GetDouble()).ToList();
        Assert.True(seconds[0] >= 0);
        Assert.All(seconds.Zip(seconds.Skip(1)), s => Assert.True(s.Second >= s.First));
        Assert.All(TrainingLog.ReadSteps(folder.File("run/log.jsonl")), s => Assert.True(s.WaitSeconds >= 0 && s.StepSeconds >= 0));

        // What is judged at another time of day goes on from the same folder.
        var longer = TrainingLoop.Resume(options.Run, o => o with { Minutes = 1 }, new SilentObserver(), new SetClock(TimeSpan.FromDays(-2 * days)), CancellationToken.None);
        Assert.InRange(longer.Seconds, 60, 90);
    }

    /// <summary>Half a second passes between two looks; at every look at the time of day it was set by so much.</summary>
    private sealed class SetClock(TimeSpan jump) : TimeProvider
    {
        private long now;

        public int Sets { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now += TimeSpan.TicksPerSecond / 2;

        public override DateTimeOffset GetUtcNow() => new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero) + jump * (++Sets % 3);
    }
}
