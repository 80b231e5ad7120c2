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

        Assert.Equal(ends.Select(e => e.Code), documented);
        Assert.All(ends, end => Assert.Equal(end.Code, BuiltProgram.Run("InferenceCli", "credence-infer", end.Arguments).ExitCode));
    }

    [GeneratedRegex(@"^\| (\d) \| ", RegexOptions.Multiline)]
    private static partial Regex Row();
}
