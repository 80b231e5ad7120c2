namespace Credence.Trainer.Tests.Faults;

/// <summary>A power cut leaves what has reached the disk. Nobody can cut it here; the kernel is asked in the right order.</summary>
public sealed class PowerCutTests
{
    [Fact]
    public void A_checkpoint_and_the_log_before_it_reach_the_disk_and_then_its_name()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var run = folder.File("run");

        var calls = DiskCalls.Of("Trainer", "credence-train", "fit", "--data", data.Path, "--out", run, "--epochs", "1", "--steps-per-epoch", "1", "--width", "2", "--batch-size", "1", "--recency", "0", "--device", "cpu", "--threads", "1");

        var renamed = calls.Renames.Single(r => r.To == Path.Combine(run, "last.safetensors"));
        Assert.InRange(calls.Flushed(Path.Combine(run, "log.jsonl")), 0, renamed.At);
        Assert.InRange(calls.Flushed(renamed.From), 0, renamed.At);
        Assert.True(calls.Flushed(run, after: renamed.At) > renamed.At);
    }
}
