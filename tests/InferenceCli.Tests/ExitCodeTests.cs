using System.Text.RegularExpressions;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests;

public sealed partial class ExitCodeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>The table of docs/reference/cli.md, against what the program really ends with.</summary>
    [Fact]
    public void Every_exit_code_of_the_page_is_one_that_a_program_ends_with_and_no_other()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        File.WriteAllText(folder.File("broken.onnx"), "no model");
        Directory.CreateDirectory(folder.File("scans"));
        NiftiFile.Write(folder.File("scans/flair.nii.gz"), new Volume(new(new(12, 10, 8), Affine.Identity), [.. Enumerable.Range(0, 960).Select(v => (float)v)]));
        var scan = folder.File("scans/flair.nii.gz");
        (int Code, string[] Arguments)[] ends =
        [
            (0, ["predict", scan, "--model", folder.File("tiny.onnx"), "--output", folder.File("out")]),
            (1, ["predict", scan, "--model", folder.File("tiny.onnx"), "--output", Path.Combine(scan, "below-a-file")]),
            (2, ["predict", scan, "--samples", "many"]),
            (3, ["inspect", folder.File("nothing")]),
            (4, ["predict", scan, "--model", folder.File("broken.onnx"), "--output", folder.File("out")]),
            (5, ["batch", folder.File("mixed"), "--model", folder.File("tiny.onnx"), "--output", folder.File("results")]),
            (6, ["pacs", "http://localhost:1/dicom-web", "--study", "1.2.3", "--model", folder.File("tiny.onnx"), "--output", folder.File("results"), "--retries", "0"]),
            (7, ["merge", folder.File("shards")]),
        ];
        Directory.CreateDirectory(folder.File("shards"));
        File.WriteAllText(folder.File("shards/cases-1-of-2.jsonl"), "");
        Directory.CreateDirectory(folder.File("mixed"));
        File.Copy(scan, folder.File("mixed/a_flair.nii.gz"));
        File.WriteAllBytes(folder.File("mixed/b_flair.nii.gz"), File.ReadAllBytes(scan)[..200]);

        var documented = Row().Matches(File.ReadAllText(RepositoryRoot.File("docs/reference/cli.md"))).Select(m => int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));

        Assert.Equal(ends.Select(e => e.Code).Concat(Signals.Select(s => s.Code)), documented);
        Assert.All(ends, end => Assert.Equal(end.Code, BuiltProgram.Run("InferenceCli", "credence-infer", end.Arguments).ExitCode));
    }

    public static (string Signal, int Code)[] Signals => [("INT", 130), ("TERM", 143)];

    /// <summary>A batch that is interrupted in the middle of a case: the case is left out, and the next run brings it.</summary>
    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task A_signal_ends_a_batch_with_its_exit_code_and_nothing_half_written(string signal, int code)
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Directory.CreateDirectory(folder.File("scans"));
        foreach (var n in Enumerable.Range(0, 8))
        {
            NiftiFile.Write(folder.File($"scans/{n}_flair.nii.gz"), new Volume(new(new(32, 32, 32), Affine.Identity), [.. Enumerable.Range(0, 32768).Select(v => (float)((v + n) % 311))]));
        }

        string[] arguments = ["batch", folder.File("scans"), "--model", folder.File("tiny.onnx"), "--output", folder.File("out"), "--samples", "60", "--no-page", "--json"];
        using (var process = BuiltProgram.Start("InferenceCli", "credence-infer", arguments))
        {
            var errors = process.StandardError.ReadToEndAsync();
            Assert.NotNull(process.StandardOutput.ReadLine()); // the first case is done
            using var kill = System.Diagnostics.Process.Start("kill", [$"-{signal}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal((code, "interrupted: nothing half-written was left behind; the same command goes on with what is done.\n"), (process.ExitCode, await errors));
        }

        var done = Directory.GetFiles(folder.File("out"), "case.json", SearchOption.AllDirectories).Length;
        Assert.InRange(done, 1, 7);
        Assert.Equal(done, File.ReadAllLines(folder.File("out/cases.jsonl")).Length);
        Assert.Contains("\"finishedAt\": null", File.ReadAllText(folder.File("out/batch.json")), StringComparison.Ordinal);
        Assert.Equal([".lock"], Directory.GetFileSystemEntries(folder.File("out/.unfinished")).Select(Path.GetFileName));
        var (again, output, _) = BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
        Assert.Equal((0, done, 8 - done), (again, Regex.Count(output, "\"status\":\"unchanged\""), Regex.Count(output, "\"status\":\"done\"")));
    }

    [GeneratedRegex(@"^\| (\d+) \| ", RegexOptions.Multiline)]
    private static partial Regex Row();
}
