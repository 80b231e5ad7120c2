using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Credence.Models.Checkpoints;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Faults;

/// <summary>kill -9 of the trainer, in earnest, at random moments between and during its writes: at every moment the run can be loaded, and its end is that of a run that nobody killed.</summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Lanes = 2;

    // 200 in .ci/run; some in `dotnet test`.
    private static readonly int Kills = int.Parse(Environment.GetEnvironmentVariable("CREDENCE_KILLS") ?? "8", CultureInfo.InvariantCulture);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_run_that_is_killed_again_and_again_ends_as_if_nothing_had_happened()
    {
        Assert.Equal(0, BuiltProgram.Run("Trainer", "credence-train", "phantom", "--out", folder.File("data"), "--cases", "3", "--size", "16", "16", "16").ExitCode);
        var whole = Task.Run(() => BuiltProgram.Run("Trainer", "credence-train", Fit("whole")).ExitCode);
        var lanes = await Task.WhenAll(Enumerable.Range(0, Lanes).Select(lane => Task.Run(() => Lane(lane, Kills / Lanes))));
        Assert.Equal(0, await whole);

        foreach (var run in lanes.SelectMany(l => l.Runs))
        {
            Assert.Empty(RunComparison.Differences(folder.File("whole"), run));
            Assert.Empty(Directory.GetFiles(run, "*.part"));
        }

        var counts = $"{lanes.Sum(l => l.Kills)} kills, {lanes.Sum(l => l.Unfinished)} while a file was being written, {lanes.Sum(l => l.BeforeTheFirst)} before the first checkpoint, {lanes.Sum(l => l.Runs.Count)} runs ended";
        output.WriteLine(counts);
        Console.WriteLine(counts);
        Assert.Equal(Kills / Lanes * Lanes, lanes.Sum(l => l.Kills));
    }

    /// <summary>Kills until it has killed often enough, then lets the run end; begins another where it ended before.</summary>
    private Life Lane(int lane, int kills)
    {
        var (random, life, run) = (new Random(lane + 1), new Life(), 0);
        while (life.Kills < kills)
        {
            var path = folder.File($"lane{lane}-run{run}");
            if (!Live(path, random, life))
            {
                life.Runs.Add(path);
                run++;
            }
        }

        var last = folder.File($"lane{lane}-run{run}");
        Assert.Equal(0, BuiltProgram.Run("Trainer", "credence-train", GoOn(last)).ExitCode);
        life.Runs.Add(last);
        return life;
    }

    /// <summary>Starts the process and kills it: at its start, a moment behind the line of an epoch, or a moment after a file was begun.</summary>
    /// <returns>Whether it was killed; else it had ended by itself.</returns>
    private bool Live(string run, Random random, Life life)
    {
        Directory.CreateDirectory(run);
        var begun = new SemaphoreSlim(0); // not disposed: the watcher may still have something to say
        using var watcher = new FileSystemWatcher(run, "*.part");
        watcher.Created += (_, _) => begun.Release();
        watcher.EnableRaisingEvents = true;
        using var process = BuiltProgram.Start("Trainer", "credence-train", GoOn(run));
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = Task.CompletedTask as Task;
        var (moment, epochs) = (random.Next(5), 1);
        if (moment == 0)
        {
            errors = process.StandardError.ReadToEndAsync();
            Thread.Sleep(random.Next(1200));
        }
        else
        {
            while (epochs > 0 && process.StandardError.ReadLine() is { } line)
            {
                epochs -= line.StartsWith("epoch ", StringComparison.Ordinal) ? 1 : 0;
            }

            errors = process.StandardError.ReadToEndAsync();
            while (moment > 1 && begun.Wait(0))
            {
                // those before
            }

            for (var files = moment == 1 ? 0 : random.Next(1, 4); files > 0; files--)
            {
                begun.Wait(TimeSpan.FromSeconds(2));
            }

            Spin(random.Next(moment == 1 ? 60_000 : 2_000));
        }

        process.Kill(); // SIGKILL
        process.WaitForExit();
        if (process.ExitCode == 0)
        {
            return false;
        }

        Assert.Equal(137, process.ExitCode);
        life.Kills++;
        Inspect(run, life);
        return true;
    }

    /// <summary>Whoever comes now finds whole files.</summary>
    private static void Inspect(string run, Life life)
    {
        life.Unfinished += Directory.GetFiles(run, "*.part").Length > 0 ? 1 : 0;
        foreach (var json in Directory.GetFiles(run, "*.json"))
        {
            JsonDocument.Parse(File.ReadAllBytes(json)).Dispose();
        }

        var last = Path.Combine(run, "last.safetensors");
        if (!File.Exists(last))
        {
            Assert.DoesNotContain(run, life.WithCheckpoint);
            life.BeforeTheFirst++;
            return;
        }

        life.WithCheckpoint.Add(run);
        using var checkpoint = Checkpoint.Load(last);
        checkpoint.BuildNetwork().Dispose();
        using var best = Checkpoint.Load(Path.Combine(run, "best.safetensors"));
        var progress = RunFolder.ReadState(checkpoint).Progress;
        Assert.True(progress.Epoch >= life.Epochs.GetValueOrDefault(run), "an older checkpoint than the last time");
        life.Epochs[run] = progress.Epoch;
        Assert.True(TrainingLog.ReadEpochs(Path.Combine(run, "log.jsonl")).Count >= progress.Epoch, "the checkpoint is ahead of the log");
    }

    private string[] GoOn(string run) => File.Exists(Path.Combine(run, "options.json")) ? ["fit", "--out", run, "--resume"] : Fit(Path.GetFileName(run));

    private string[] Fit(string run) =>
        ["fit", "--data", folder.File("data"), "--out", folder.File(run), "--folds", "3", "--epochs", $"{Math.Max(6, Kills)}", "--steps-per-epoch", "2", "--width", "2", "--batch-size", "1", "--recency", "0", "--average", "0.9", "--device", "cpu", "--threads", "1"];

    /// <summary>Thread.Sleep is too coarse for the moment between two writes.</summary>
    private static void Spin(int microseconds)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start).TotalMicroseconds < microseconds)
        {
            Thread.SpinWait(20);
        }
    }

    private sealed class Life
    {
        public int Kills { get; set; }

        public int Unfinished { get; set; }

        public int BeforeTheFirst { get; set; }

        public List<string> Runs { get; } = [];

        public HashSet<string> WithCheckpoint { get; } = [];

        public Dictionary<string, int> Epochs { get; } = [];
    }
}
