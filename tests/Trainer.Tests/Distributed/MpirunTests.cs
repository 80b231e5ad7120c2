using System.Diagnostics;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Tests.Distributed;

/// <summary>credence-train under a real mpirun: what it learns, what it refuses, and what is left when a process dies.</summary>
public sealed class MpirunTests
{
    private const string Mpirun = "/usr/bin/mpirun";
    private static readonly string[] Alone = ["--steps-per-epoch", "20", "--width", "4", "--recency", "0", "--device", "cpu", "--threads", "1", "--learning-rate", "1e-3"];

    /// <summary>
    /// Oracle: one process with the same command. After 20 steps 1e-5 in float32, with SGD: Adam divides by the size of a gradient, so that it makes steps of the
    /// rounding errors that are the gradients of biases in front of a norm. In float64 1e-10, with AdamW as by default.
    /// </summary>
    [Theory]
    [InlineData(2, 1e-5, "--optimiser", "sgd")]
    [InlineData(2, 1e-5, "--optimiser", "sgd", "--posterior", "mean-field", "--data-term", "minibatch-sum", "--loss", "cross-entropy")]
    [InlineData(3, 1e-5, "--optimiser", "sgd", "--posterior", "channel-dropout", "--loss", "dice(batch) + cross-entropy")]
    [InlineData(2, 1e-10, "--precision", "float64")]
    [InlineData(3, 1e-10, "--precision", "float64", "--posterior", "mean-field", "--data-term", "minibatch-sum")]
    [InlineData(2, 1e-10, "--precision", "float64", "--posterior", "channel-dropout", "--accumulate", "2")]
    [InlineData(2, 1e-10, "--precision", "float64", "--posterior", "mean-field", "--loss", "cross-entropy")]
    [InlineData(2, 1e-10, "--precision", "float64", "--data-term", "minibatch-sum", "--loss", "cross-entropy")]
    [InlineData(3, 1e-10, "--precision", "float64", "--posterior", "channel-dropout", "--data-term", "minibatch-sum", "--loss", "cross-entropy")]
    public void Processes_learn_in_20_steps_what_one_learns(int processes, double tolerance, params string[] options)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] Command(string run) => ["fit", "--data", data.Path, "--out", folder.File(run), .. Alone, "--epochs", "1", "--batch-size", "4", .. options];

        var one = Run(BuiltProgram.Command("Trainer", "credence-train", Command("one")));
        var several = Run(Parallel(processes, Command("several")));

        Assert.Equal((0, 0), (one.ExitCode, several.ExitCode));
        Assert.Single(several.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)); // the result, once
        var (expected, actual) = (Weights(folder.File("one")), Weights(folder.File("several")));
        Assert.Equal(expected.Keys, actual.Keys);
        var differences = expected.ToDictionary(w => w.Key, w => w.Value.Zip(actual[w.Key], (a, b) => Math.Abs(a - b)).Max());
        Assert.True(differences.Values.Max() <= tolerance, $"{differences.MaxBy(d => d.Value)}");
        Assert.True(differences.Values.Max() > 0, "nothing was added up");
    }

    [Fact]
    public void Processes_that_disagree_end_with_exit_code_3_and_one_line()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] Command(string seed) => BuiltProgram.Command("Trainer", "credence-train", ["fit", "--data", data.Path, "--out", folder.Path, .. Alone, "--seed", seed]);

        var (code, output, error) = Run([.. Launcher, "-np", "1", .. Command("1"), ":", "-np", "1", .. Command("2")]);

        Assert.Equal((3, ""), (code, output));
        Assert.Matches("^error: training on several processes: process 1 of 2 on .+ has seed 2; expected 1, as process 0 of 2 on .+ has\\. ", Assert.Single(error.Split('\n'), l => l.StartsWith("error", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_process_that_is_killed_ends_all_and_the_run_goes_on_bit_for_bit()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] Command(string run) => ["fit", "--data", data.Path, "--out", folder.File(run), .. Alone, "--epochs", "2", "--posterior", "mean-field", "--batch-size", "3"];
        Assert.Equal(0, Run(Parallel(2, Command("whole"))).ExitCode);

        Assert.Equal(137, Signalled("killed", rank => rank == 1, "KILL"));
        Assert.Equal(143, Signalled("terminated", _ => true, "TERM"));

        foreach (var run in new[] { "killed", "terminated" })
        {
            Assert.Equal(0, Run(Parallel(2, ["fit", "--out", folder.File(run), "--resume"])).ExitCode);
            Assert.Equal(Weights(folder.File("whole")), Weights(folder.File(run)));
            Assert.Equal(Losses("whole"), Losses(run));
        }

        int Signalled(string run, Predicate<int> isMeant, string signal)
        {
            var process = Start(Parallel(2, Command(run)));
            var log = folder.File($"{run}/log.jsonl");
            Assert.True(SpinWait.SpinUntil(() => process.HasExited || (File.Exists(log) && new FileInfo(log).Length > 0), TimeSpan.FromMinutes(2))); // flushed behind the first epoch
            foreach (var id in Ranks(process.Id, isMeant))
            {
                Process.Start("/bin/kill", [$"-{signal}", $"{id}"]).WaitForExit();
            }

            var (code, _, error) = BuiltProgram.End(process);
            Assert.DoesNotContain("Please report this", error, StringComparison.Ordinal);
            return code;
        }

        List<string> Losses(string run) => [.. File.ReadAllLines(folder.File($"{run}/log.jsonl")).Select(l => l[..l.LastIndexOf("\"seconds\"", StringComparison.Ordinal)])];
    }

    [Theory]
    [InlineData("SLURM_STEP_NUM_TASKS=2", "2 tasks that srun started without MPI; expected tasks that know each other. Give `srun --mpi=pmix`")]
    [InlineData("OMPI_COMM_WORLD_SIZE=2", "2 processes, of which Open MPI sees 1 (thread level 2); expected all of them")]
    public void Processes_that_cannot_find_each_other_are_refused(string environment, string expected)
    {
        Assert.SkipUnless(File.Exists(Mpirun), $"{Mpirun} is not installed (Debian package openmpi-bin)");
        using var folder = new TemporaryFolder();

        var (code, _, error) = BuiltProgram.RunIn("Trainer", "credence-train", environment, "fit", "--data", folder.File("data"), "--out", folder.File("run"));

        Assert.Equal(3, code);
        Assert.StartsWith($"error: training on several processes: {expected}", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("run")));
    }

    private static string[] Launcher => [Mpirun, "--allow-run-as-root", "--oversubscribe"];

    private static string[] Parallel(int processes, params string[] arguments) =>
        [.. Launcher, "-np", $"{processes}", .. BuiltProgram.Command("Trainer", "credence-train", arguments)];

    private static Process Start(string[] command)
    {
        Assert.SkipUnless(File.Exists(Mpirun), $"{Mpirun} is not installed (Debian package openmpi-bin)");
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OMP_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }

    private static (int ExitCode, string Output, string Error) Run(string[] command) => BuiltProgram.End(Start(command));

    /// <summary>The processes that a launcher has started, by the number that it gave them.</summary>
    private static List<int> Ranks(int launcher, Predicate<int> isMeant) =>
    [
        .. File.ReadAllText($"/proc/{launcher}/task/{launcher}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture))
            .Where(id => File.ReadAllText($"/proc/{id}/environ").Split('\0').FirstOrDefault(v => v.StartsWith("OMPI_COMM_WORLD_RANK=", StringComparison.Ordinal)) is { } rank
                && isMeant(int.Parse(rank.Split('=')[1], System.Globalization.CultureInfo.InvariantCulture))),
    ];

    private static SortedDictionary<string, double[]> Weights(string run)
    {
        using var scope = NewDisposeScope();
        var (tensors, _) = SafetensorsFile.Read(Path.Combine(run, "last.safetensors"));
        return new(tensors.Where(t => t.Value.is_floating_point()).ToDictionary(t => t.Key, t => t.Value.to(float64).data<double>().ToArray()));
    }
}
