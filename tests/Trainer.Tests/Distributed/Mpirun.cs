using System.Diagnostics;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Tests.Distributed;

/// <summary>Starts credence-train under a real mpirun. Tests that need it skip by name where it is not installed.</summary>
internal static class Mpirun
{
    private const string Path = "/usr/bin/mpirun";

    public static void Require() => Assert.SkipUnless(File.Exists(Path), $"{Path} is not installed (Debian package openmpi-bin)");

    public static string[] Launcher => [Path, "--allow-run-as-root", "--oversubscribe"];

    public static string[] Parallel(int processes, params string[] arguments) =>
        [.. Launcher, "-np", $"{processes}", .. BuiltProgram.Command("Trainer", "credence-train", arguments)];

    public static Process Start(string[] command)
    {
        Require();
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OMP_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }

    public static (int ExitCode, string Output, string Error) Run(string[] command) => BuiltProgram.End(Start(command));

    /// <summary>The processes that a launcher has started, by the number that it gave them.</summary>
    public static List<int> Ranks(int launcher, Predicate<int> isMeant) =>
    [
        .. File.ReadAllText($"/proc/{launcher}/task/{launcher}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, System.Globalization.CultureInfo.InvariantCulture))
            .Where(id => File.ReadAllText($"/proc/{id}/environ").Split('\0').FirstOrDefault(v => v.StartsWith("OMPI_COMM_WORLD_RANK=", StringComparison.Ordinal)) is { } rank
                && isMeant(int.Parse(rank.Split('=')[1], System.Globalization.CultureInfo.InvariantCulture))),
    ];

    public static SortedDictionary<string, double[]> Weights(string run)
    {
        using var scope = NewDisposeScope();
        var (tensors, _) = SafetensorsFile.Read(System.IO.Path.Combine(run, "last.safetensors"));
        return new(tensors.Where(t => t.Value.is_floating_point()).ToDictionary(t => t.Key, t => t.Value.to(float64).data<double>().ToArray()));
    }
}
