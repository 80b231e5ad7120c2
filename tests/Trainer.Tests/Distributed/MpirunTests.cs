using System.Diagnostics;
using Credence.Trainer.Distributed;

namespace Credence.Trainer.Tests.Distributed;

/// <summary>credence-train under a real mpirun: what it learns, what it refuses, and what is left when a process dies.</summary>
public sealed class MpirunTests
{
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

        var one = Mpirun.Run(BuiltProgram.Command("Trainer", "credence-train", Command("one")));
        var several = Mpirun.Run(Mpirun.Parallel(processes, Command("several")));

        Assert.Equal((0, 0), (one.ExitCode, several.ExitCode));
        Assert.Single(several.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)); // the result, once
        var (expected, actual) = (Mpirun.Weights(folder.File("one")), Mpirun.Weights(folder.File("several")));
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

        var (code, output, error) = Mpirun.Run([.. Mpirun.Launcher, "-np", "1", .. Command("1"), ":", "-np", "1", .. Command("2")]);

        Assert.Equal((3, ""), (code, output));
        Assert.Matches("^error: training on several processes: process 1 of 2 on .+ has seed 2; expected 1, as process 0 of 2 on .+ has\\. ", Assert.Single(error.Split('\n'), l => l.StartsWith("error", StringComparison.Ordinal)));
    }

    /// <summary>Oracle: the run that nobody stopped. With elastic averaging every process has weights and a momentum of its own that have to come back.</summary>
    [Theory]
    [InlineData("--posterior", "mean-field")]
    [InlineData("--elastic-period", "3")]
    public void A_process_that_is_killed_ends_all_and_the_run_goes_on_bit_for_bit(params string[] options)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] Command(string run) => ["fit", "--data", data.Path, "--out", folder.File(run), .. Alone, "--epochs", "2", "--batch-size", "3", .. options];
        Assert.Equal(0, Mpirun.Run(Mpirun.Parallel(2, Command("whole"))).ExitCode);

        Assert.Equal(137, Signalled("killed", rank => rank == 1, "KILL"));
        Assert.Equal(143, Signalled("terminated", _ => true, "TERM"));

        foreach (var run in new[] { "killed", "terminated" })
        {
            Assert.Equal(0, Mpirun.Run(Mpirun.Parallel(2, ["fit", "--out", folder.File(run), "--resume"])).ExitCode);
            Assert.Equal(Mpirun.Weights(folder.File("whole")), Mpirun.Weights(folder.File(run)));
            Assert.Equal(Losses("whole"), Losses(run));
        }

        int Signalled(string run, Predicate<int> isMeant, string signal)
        {
            var process = Mpirun.Start(Mpirun.Parallel(2, Command(run)));
            var log = folder.File($"{run}/log.jsonl");
            Assert.True(SpinWait.SpinUntil(() => process.HasExited || (File.Exists(log) && new FileInfo(log).Length > 0), TimeSpan.FromMinutes(2))); // flushed behind the first epoch
            foreach (var id in Mpirun.Ranks(process.Id, isMeant))
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
        Mpirun.Require();
        using var folder = new TemporaryFolder();

        var (code, _, error) = BuiltProgram.RunIn("Trainer", "credence-train", environment, "fit", "--data", folder.File("data"), "--out", folder.File("run"));

        Assert.Equal(3, code);
        Assert.StartsWith($"error: training on several processes: {expected}", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("run")));
    }

    [Fact]
    public void Several_processes_without_the_library_are_told_what_to_install()
    {
        var failure = Assert.Throws<ProcessGroupException>(() => new MpiProcessGroup(launched: 3, localRank: 0, library: "libmpi-of-nobody.so.40"));

        Assert.Equal(
            (3, "error: training on several processes: 3 processes, and no Open MPI to join them; expected a library libmpi-of-nobody.so.40 that can be opened. Install Open MPI (Debian: openmpi-bin) on every machine, or start one process."),
            CommandLine.Describe(failure));
    }

    /// <summary>An empty file in the place of the library, which the processes of a real mpirun alone see.</summary>
    [Fact]
    public void A_launcher_whose_machine_lacks_the_library_ends_with_exit_code_3()
    {
        Mpirun.Require();
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "a file cannot be covered here (needs root)");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("empty"), "");
        var cover = $"for library in $(/sbin/ldconfig -p | sed -n 's/.*libmpi\\.so\\.40.* => //p'); do mount --bind {folder.File("empty")} $library || exit 99; done; exec \"$@\"";

        var (code, output, error) = Mpirun.Run(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", cover, "sh", .. Mpirun.Parallel(2, "fit", "--data", folder.File("data"), "--out", folder.File("run"))]);

        Assert.Equal((3, ""), (code, output));
        Assert.Contains("error: training on several processes: 2 processes, and no Open MPI to join them; expected a library libmpi.so.40 that can be opened. Install Open MPI (Debian: openmpi-bin)", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("run")));
    }
}
