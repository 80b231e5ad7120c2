using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests;

/// <summary>credence-infer predict --memory: what the kernel says the process took at most.</summary>
public sealed partial class MemoryTests : IDisposable
{
    private const double Gibibyte = 1 << 30;

    private readonly TemporaryFolder folder = new();

    public MemoryTests()
    {
        File.WriteAllBytes(folder.File("deep.onnx"), TinyModel.Deep(layers: 3, isSampled: true));
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Write("small.nii", new(16, 16, 16));
        Write("large.nii", new(144, 144, 80));
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_process_stays_within_the_memory_given_and_gives_the_same_maps()
    {
        var program = Predict("tiny.onnx", "small.nii", "small").Peak;
        var free = Predict("deep.onnx", "large.nii", "free");
        var tight = Predict("deep.onnx", "large.nii", "tight", "--memory", "0.25");
        var flipped = Predict("deep.onnx", "large.nii", "flipped", "--memory", "0.35", "--flips", "left-right");

        Assert.Equal(("trunk", true), (free.Shared, tight.Shared is "trunk-of-some-patches" or "nothing"));
        Assert.True(tight.Peak - program <= 0.25 * Gibibyte, $"{(tight.Peak - program) / Gibibyte:F3} GiB above the program's {program / Gibibyte:F3}");
        Assert.True(flipped.Peak - program <= 0.35 * Gibibyte, $"{(flipped.Peak - program) / Gibibyte:F3} GiB above the program's {program / Gibibyte:F3}");
        Assert.True(free.Peak - program > 0.35 * Gibibyte, $"{(free.Peak - program) / Gibibyte:F3} GiB without a limit: there is nothing to limit");
        var maps = NiftiFile.Read(folder.File("tight/probability.nii.gz")).Voxels;
        Assert.All(NiftiFile.Read(folder.File("free/probability.nii.gz")).Voxels.Zip(maps), p => Assert.Equal(p.First, p.Second, 1e-5f));
    }

    [Fact]
    public void A_case_that_does_not_fit_is_refused_with_what_it_needs_and_that_is_enough()
    {
        string[] Arguments(string memory) => ["predict", folder.File("large.nii"), "--model", folder.File("deep.onnx"), "--output", folder.File("out"), "--samples", "1", "--any-scan", "--no-page", "--memory", memory];
        var (code, _, error) = BuiltProgram.Run("InferenceCli", "credence-infer", Arguments("0.05"));

        Assert.Equal(3, code);
        var needed = Regex.Match(error, @"^error: the case: a prediction of 144 x 144 x \d+ voxels that needs (0\.\d+) GiB; expected at most 0\.050 GiB\. Give more memory, or crop the scan\.\n$");
        Assert.True(needed.Success, error);
        Assert.False(Directory.Exists(folder.File("out")));
        Assert.Equal(0, BuiltProgram.Run("InferenceCli", "credence-infer", Arguments(needed.Groups[1].Value)).ExitCode);
    }

    private (double Peak, string? Shared) Predict(string model, string scan, string output, params string[] options)
    {
        using var process = BuiltProgram.Start("InferenceCli", "credence-infer",
            ["predict", folder.File(scan), "--model", folder.File(model), "--output", folder.File(output), "--samples", "2", "--threads", "2", "--any-scan", "--no-page", .. options]);
        var error = process.StandardError.ReadToEndAsync();
        var peak = 0.0;
        while (!process.WaitForExit(5))
        {
            // The kernel's own high-water mark; the last reading before the end is the peak.
            var status = "";
            try
            {
                status = File.ReadAllText($"/proc/{process.Id}/status");
            }
            catch (IOException)
            {
                continue; // it has just ended
            }

            peak = HighWater().Match(status) is { Success: true } mark ? 1024 * double.Parse(mark.Groups[1].Value, CultureInfo.InvariantCulture) : peak;
        }

        Assert.True(process.ExitCode == 0, error.Result);
        using var report = JsonDocument.Parse(File.ReadAllText(folder.File($"{output}/report.json")));
        return (peak, report.RootElement.GetProperty("shared").GetString());
    }

    private void Write(string name, Size3 size) =>
        NiftiFile.Write(folder.File(name), new Volume(new(size, Affine.Scaling(new(1, 1, 2))), [.. Enumerable.Range(0, (int)size.Count).Select(v => MathF.Sin(v) * 100)]));

    [GeneratedRegex(@"VmHWM:\s+(\d+) kB")]
    private static partial Regex HighWater();
}
