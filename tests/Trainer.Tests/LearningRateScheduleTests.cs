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

    /// <summary>
    /// Through the program, at every step of its log, against Goyal et al. 2017: k times as many patches take k times the rate of the small minibatch (section 2.1), which is
    /// reached by equal increments from that rate in 5 of 90 epochs (section 2.2). Oracle for the rest: a run of small minibatches that begins at its rate.
    /// </summary>
    [Fact]
    public void The_log_has_the_rate_of_linear_scaling_at_every_step()
    {
        const int Steps = 72, Ramp = Steps * 5 / 90;
        const double Rate = 0.002, K = 3;
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        double[] Rates(string run, params string[] options)
        {
            var (code, _, error) = BuiltProgram.Run("Trainer", "credence-train",
                ["fit", "--data", data.Path, "--out", folder.File(run), "--epochs", "1", "--steps-per-epoch", $"{Steps}", "--width", "2", "--recency", "0", "--device", "cpu", "--threads", "1", "--learning-rate", $"{Rate}", .. options]);
            Assert.True(code == 0, error);
            return [.. TrainingLog.ReadSteps(folder.File($"{run}/log.jsonl")).Select(s => s.LearningRate)];
        }

        var small = Rates("small", "--batch-size", "1", "--learning-rate-warm-up", $"{5.0 / 90}");
        var large = Rates("large", "--batch-size", "3", "--learning-rate-batch-size", "1");

        Assert.Equal((Steps, Steps), (small.Length, large.Length));
        Assert.Equal(Rate, large[0], tolerance: 1e-15);
        Assert.Equal(K * Rate, large[Ramp], tolerance: 1e-15);
        Assert.All(Enumerable.Range(0, Ramp), n => Assert.Equal((K - 1) * Rate / Ramp, large[n + 1] - large[n], tolerance: 1e-15));
        Assert.All(Enumerable.Range(Ramp, Steps - Ramp), n => Assert.Equal(K * small[n], large[n], tolerance: 1e-15));
        Assert.True(large[^1] < Rate / 4, "the rate does not fall to 0");
    }

    [Fact]
    public void Time_beyond_the_end_is_the_end() => Assert.Equal(0, Schedule.At(1.2));

    [Fact]
    public void No_warm_up_starts_at_the_top() => Assert.Equal(0.01, (Schedule with { WarmUp = 0 }).At(0));
}
