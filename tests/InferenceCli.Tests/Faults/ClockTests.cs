using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Faults;

/// <summary>The clock of the machine is set by hours, forwards and backwards, while a batch is under way.</summary>
public sealed class ClockTests : IDisposable
{
    private const int Cases = 6;

    private readonly TemporaryFolder folder = new();

    public ClockTests()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Directory.CreateDirectory(folder.File("in"));
        foreach (var n in Enumerable.Range(0, Cases))
        {
            NiftiFile.Write(folder.File($"in/{n:D2}.nii.gz"), new Volume(new(new(32, 32, 32), Affine.Identity), [.. Enumerable.Range(0, 32768).Select(v => (float)((v + n) % 311))]));
        }
    }

    public void Dispose() => folder.Dispose();

    /// <summary>Oracle: the batch whose clock nobody set. A budget of an hour a case, used up nine times over by the jump forwards, stops no case.</summary>
    [Fact]
    public void A_batch_gives_the_same_results_whatever_the_clock_does()
    {
        using var clock = new MovedClock();
        Assert.Equal(0, BuiltProgram.Run("InferenceCli", "credence-infer", Batch("whole")).ExitCode);

        var lines = Follow(BuiltProgram.StartIn("InferenceCli", "credence-infer", clock.Environment, [.. Batch("moved"), "--json"]), clock);

        // The clock was set, and the cases that it was set in took as long as they took.
        var hours = lines.Select(l => (DateTimeOffset.Parse(l.GetProperty("finishedAt").GetString()!, CultureInfo.InvariantCulture) - TimeProvider.System.GetUtcNow()).TotalHours).ToList();
        Assert.Equal([0, 0, 9, 9, -9, -9], hours.Select(h => (int)Math.Round(h)));
        Assert.All(lines, l => Assert.InRange(l.GetProperty("seconds").GetDouble(), 0, 60));
        Assert.All(lines, l => Assert.Equal(("done", 20, "all-samples"), (l.GetProperty("status").GetString(), l.GetProperty("samples").GetInt32(), l.GetProperty("stoppedBy").GetString())));
        var maps = Directory.GetFiles(folder.File("whole"), "*.nii.gz", SearchOption.AllDirectories);
        Assert.True(maps.Length >= 4 * Cases);
        Assert.All(maps, f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(Path.Combine(folder.File("moved"), Path.GetRelativePath(folder.File("whole"), f)))));

        // What was done at another time of day is recognised.
        clock.Move(48);
        var (code, output, _) = BuiltProgram.RunIn("InferenceCli", "credence-infer", clock.Environment, [.. Batch("moved"), "--json"]);
        Assert.Equal((0, Cases), (code, output.Split("\"status\":\"unchanged\"").Length - 1));
    }

    /// <summary>Sets the clock behind the second and the fourth case, while the next one is predicted.</summary>
    private static List<JsonElement> Follow(Process process, MovedClock clock)
    {
        List<JsonElement> lines = [];
        using var ended = process;
        var errors = process.StandardError.ReadToEndAsync();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            lines.Add(JsonDocument.Parse(line).RootElement);
            clock.Move(lines.Count < 2 ? 0 : lines.Count < 4 ? 9 : -9);
        }

        process.WaitForExit();
        Assert.Equal((0, ""), (process.ExitCode, errors.Result));
        return lines;
    }

    private string[] Batch(string output) =>
        ["batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", folder.File(output), "--samples", "20", "--time-budget", "3600", "--no-page"];
}
