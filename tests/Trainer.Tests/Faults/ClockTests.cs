using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Tests.Evaluation;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Faults;

/// <summary>The clock of the machine is set while a run is under way: its time of day jumps, its time since the start does not.</summary>
public sealed partial class ClockTests
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

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

    /// <summary>The clock of a real process, set by hours forwards and then backwards. Oracle: the run whose clock nobody set.</summary>
    [Fact]
    public void A_run_of_epochs_is_the_same_to_the_bit_whatever_the_clock_does()
    {
        using var clock = new MovedClock();
        using var folder = new TemporaryFolder();
        MakeData(folder);
        string[] Fit(string run) => FitOf(folder, run, "--epochs", "20", "--average", "0.9");
        Assert.Equal(0, BuiltProgram.Run("Trainer", "credence-train", Fit("whole")).ExitCode);

        var (code, error, _) = Follow(BuiltProgram.StartIn("Trainer", "credence-train", clock.Environment, Fit("moved")), folder.File("moved"), clock);

        Assert.True(code == 0, error);
        Assert.Empty(RunComparison.Differences(folder.File("whole"), folder.File("moved")));
    }

    /// <summary>
    /// Oracle: a stopwatch outside. The learning rate rises in a straight line from 0 nearly to the end of the run, so that each step says at which second it was taken:
    /// between the step before and its own end.
    /// </summary>
    [Fact]
    public void A_run_of_minutes_takes_these_minutes_whatever_the_clock_does()
    {
        const double Minutes = 0.15, WarmUp = 0.99, Top = 0.01;
        using var clock = new MovedClock();
        using var folder = new TemporaryFolder();
        MakeData(folder);
        string[] options = ["--minutes", $"{Minutes}", "--learning-rate", $"{Top}", "--learning-rate-warm-up", $"{WarmUp}"];

        var (code, error, elapsed) = Follow(BuiltProgram.StartIn("Trainer", "credence-train", clock.Environment, FitOf(folder, "run", options)), folder.File("run"), clock);

        Assert.True(code == 0, error);
        Assert.InRange(elapsed.TotalMinutes, Minutes, Minutes + 0.5); // starting and the last epoch included
        var steps = TrainingLog.ReadSteps(folder.File("run/log.jsonl"));
        Assert.InRange(steps[^1].Seconds, 60 * Minutes * 0.8, elapsed.TotalSeconds);
        foreach (var (before, step) in steps.Zip(steps.Skip(1)).Where(s => s.Second.LearningRate > Top / 50 && s.Second.Seconds < WarmUp * 60 * Minutes))
        {
            Assert.InRange(step.LearningRate / Top * WarmUp * 60 * Minutes, before.Seconds, step.Seconds);
        }
    }

    private static void MakeData(TemporaryFolder folder) =>
        Assert.Equal(0, BuiltProgram.Run("Trainer", "credence-train", "phantom", "--out", folder.File("data"), "--cases", "3", "--size", "16", "16", "16").ExitCode);

    private static string[] FitOf(TemporaryFolder folder, string run, params string[] options) =>
        ["fit", "--data", folder.File("data"), "--out", folder.File(run), "--folds", "3", "--steps-per-epoch", "4", "--width", "2", "--batch-size", "1", "--recency", "0", "--device", "cpu", "--threads", "1", .. options];

    /// <summary>Sets the clock when the run is under way, and again when a checkpoint shows that it was seen.</summary>
    private static (int ExitCode, string Error, TimeSpan Elapsed) Follow(Process process, string run, MovedClock clock)
    {
        var watch = Stopwatch.StartNew();
        using var ended = process;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        try
        {
            foreach (var hours in new[] { 0, 9, -9 })
            {
                clock.Move(hours);
                while (HoursAhead(run) is not { } ahead || Math.Abs(ahead - hours) > 1)
                {
                    Assert.False(process.WaitForExit(20), $"the run ended before a checkpoint of a clock that is {hours} hours ahead");
                    Assert.True(watch.Elapsed < Longest, $"no checkpoint of a clock that is {hours} hours ahead");
                }
            }

            Assert.True(process.WaitForExit(Longest), "the run does not end");
            return (process.ExitCode, error.Result, watch.Elapsed);
        }
        finally
        {
            process.Kill();
        }
    }

    /// <summary>By how much the clock was ahead of ours when the last checkpoint was written; null before the first.</summary>
    private static double? HoursAhead(string run) =>
        File.Exists(Path.Combine(run, "last.safetensors")) && TrainedAt().Match(Encoding.Latin1.GetString(File.ReadAllBytes(Path.Combine(run, "last.safetensors")))) is { Success: true } time
            ? (DateTimeOffset.Parse(time.Groups[1].ValueSpan, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) - TimeProvider.System.GetUtcNow()).TotalHours
            : null;

    [GeneratedRegex("""trainedAt(?:\\u0022|\\?"):\s*(?:\\u0022|\\?")([-0-9TZ:]+)""")]
    private static partial Regex TrainedAt();

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
