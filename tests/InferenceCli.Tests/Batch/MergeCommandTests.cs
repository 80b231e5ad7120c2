using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Credence.Inference.Model;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Batch;

/// <summary>credence-infer merge: the shards of a batch against one process that did all of it.</summary>
public sealed partial class MergeCommandTests : IDisposable
{
    private const int Cases = 19;

    private readonly TemporaryFolder folder = new();

    public MergeCommandTests()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Directory.CreateDirectory(folder.File("in"));
        var grid = new VolumeGeometry(new(12, 10, 8), Affine.Scaling(new(1, 1, 2)));
        for (var n = 0; n < Cases; n++)
        {
            var random = new Random(n);
            NiftiFile.Write(folder.File($"in/case{n:D2}.nii.gz"), new Volume(grid, [.. Enumerable.Range(0, (int)grid.Size.Count).Select(_ => (float)random.Next(0, 1000))]));
        }

        File.WriteAllText(folder.File("in/bad.nii.gz"), "no scan");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Merged_shards_are_what_one_process_writes_and_missing_ones_are_named()
    {
        var whole = folder.File("whole/out");
        var shared = folder.File("shared/out");
        Assert.Equal(5, Infer("", Batch(whole, "--jobs", "2")).ExitCode);

        var (code, _, error) = Infer("SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_STEP=1", Batch(shared));
        Assert.Contains("shard 1/3, from SLURM_ARRAY_TASK_ID=5, ", error, StringComparison.Ordinal);
        Assert.Equal(5, code); // the bad case comes first
        Assert.Equal(0, Infer("JOB_COMPLETION_INDEX=1 CREDENCE_SHARDS=3", Batch(shared)).ExitCode);

        (code, _, error) = Infer("", "merge", shared);
        Assert.Equal((7, $"error: {shared}: shard 3/3 is missing: it has not begun\nRun the shards that are missing with the command of the others, then merge again.\n"), (code, error));

        // A shard that was killed has begun, and is missing all the same.
        using (var process = BuiltProgram.Start("InferenceCli", "credence-infer", [.. Batch(shared, "--shard", "3/3", "--json")]))
        {
            var errors = process.StandardError.ReadToEndAsync();
            Assert.NotNull(process.StandardOutput.ReadLine());
            process.Kill();
            process.WaitForExit();
            Assert.Equal(137, process.ExitCode);
        }

        (code, _, error) = Infer("", "merge", shared);
        Assert.Equal(7, code);
        Assert.Matches(@"shard 3/3 is missing: it has gone through [1-5] of 6 cases, and runs or was interrupted\n", error);
        Assert.False(File.Exists(Path.Combine(shared, "cases.csv")));

        // The options count: a shard of another recipe is no part of the whole.
        Assert.Equal(0, Infer("", Batch(shared, "--shard", "3/3", "--seed", "9")).ExitCode);
        (code, _, error) = Infer("", "merge", shared);
        Assert.Equal(3, code);
        Assert.Matches(@"^error: .*out: options SHA-256 [0-9a-f]{64} in shard 1/3 and [0-9a-f]{64} in shard 3/3; expected one for all shards\. ", error);

        Assert.Equal(0, Infer("", Batch(shared, "--shard", "3/3")).ExitCode);
        (code, var output, error) = Infer("", "merge", shared);
        Assert.Equal((5, ""), (code, error));
        Assert.Equal($"3 shards, {Cases + 1} cases: {Cases} done, 0 unchanged, 1 failed -> {shared}\n", output);

        foreach (var file in new[] { "cases.jsonl", "cases.csv", "batch.json", "index.html" })
        {
            Assert.Equal(WithoutTimes(File.ReadAllText(Path.Combine(whole, file))), WithoutTimes(File.ReadAllText(Path.Combine(shared, file))));
        }

        Assert.All(Directory.GetFiles(whole, "*.nii.gz", SearchOption.AllDirectories), f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(Path.Combine(shared, Path.GetRelativePath(whole, f)))));
        Assert.Equal(Cases + 2, File.ReadAllLines(Path.Combine(shared, "cases.csv")).Length);
        Assert.Equal(5, Infer("", "merge", shared).ExitCode); // once more is the same
    }

    [Fact]
    public void A_case_that_a_shard_calls_done_and_that_is_gone_is_named_with_its_shard()
    {
        File.Delete(folder.File("in/bad.nii.gz"));
        var output = folder.File("out");
        Assert.Equal((0, 0), (Infer("", Batch(output, "--shard", "1/2")).ExitCode, Infer("", Batch(output, "--shard", "2/2")).ExitCode));
        Directory.Delete(Path.Combine(output, "case04"), recursive: true); // cases are dealt out in turn: the 5th and 9th to shard 1, the 8th to shard 2
        Directory.Delete(Path.Combine(output, "case08"), recursive: true);
        File.Delete(Path.Combine(output, "case07", "case.json"));

        var (code, _, error) = Infer("", "merge", output);

        Assert.Equal(7, code);
        Assert.Equal(
            $"error: {output}: shard 1/2 calls 2 cases done without a case.json in their folders: case04, case08\nerror: {output}: shard 2/2 calls 1 case done without a case.json in its folder: case07\n"
            + "Copy the folders back, or run these shards again with the same command, which does these cases alone; then merge again.\n", error);
        Assert.False(File.Exists(Path.Combine(output, "cases.csv")));

        Directory.Delete(Path.Combine(output, "case07"), recursive: true);
        Assert.Equal((0, 0), (Infer("", Batch(output, "--shard", "1/2")).ExitCode, Infer("", Batch(output, "--shard", "2/2")).ExitCode));
        (code, var said, _) = Infer("", "merge", output);
        Assert.Equal((0, $"2 shards, {Cases} cases: 3 done, {Cases - 3} unchanged, 0 failed -> {output}\n"), (code, said));
    }

    /// <summary>Oracle: the SHA-256 of the key, from the framework.</summary>
    [Fact]
    public void Pages_say_who_signed_the_model_or_that_nobody_looked()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(folder.File("keys.pem"), key.ExportSubjectPublicKeyInfoPem());
        File.WriteAllBytes(folder.File("tiny.onnx"), ModelSignature.Sign(TinyModel.Bytes(), key));
        File.Delete(folder.File("in/bad.nii.gz"));
        var signer = Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo()));
        var output = folder.File("out");

        Assert.Equal(0, Infer("", Batch(output, "--shard", "1/2")).ExitCode);
        Assert.Contains("<dt>Model signed with key</dt><dd>not checked</dd>", Page(), StringComparison.Ordinal);
        Assert.Contains("[\"Model signed with key\",\"not checked\"]", File.ReadAllText(Path.Combine(output, "case00", "report.html")), StringComparison.Ordinal);

        Assert.Equal(0, Infer("", Batch(output, "--shard", "2/2", "--trust", folder.File("keys.pem"))).ExitCode);
        Assert.Contains($"<dt>Model signed with key</dt><dd>{signer}</dd>", Page(), StringComparison.Ordinal);
        Assert.Contains($"[\"Model signed with key\",\"{signer}\"]", File.ReadAllText(Path.Combine(output, "case01", "report.html")), StringComparison.Ordinal);

        Assert.Equal(0, Infer("", "merge", output).ExitCode); // one file, so that the second shard has looked for both
        Assert.Contains($"<dt>Model signed with key</dt><dd>{signer}</dd>", Page(), StringComparison.Ordinal);
        Assert.Contains($"\"modelSigner\": \"{signer}\"", File.ReadAllText(Path.Combine(output, "batch.json")), StringComparison.Ordinal);

        // What a manifest says is text.
        var manifest = Path.Combine(output, "batch-2-of-2.json");
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace(signer, "<script>alert(1)</script>", StringComparison.Ordinal));
        Assert.Equal(0, Infer("", "merge", output).ExitCode);
        Assert.Contains("<dd>&lt;script&gt;alert(1)&lt;/script&gt;</dd>", Page(), StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", Page(), StringComparison.Ordinal);

        string Page() => File.ReadAllText(Path.Combine(output, "index.html"));
    }

    [Fact]
    public void What_is_no_batch_of_shards_is_refused()
    {
        Directory.CreateDirectory(folder.File("out"));
        Assert.Equal((3, $"error: {folder.File("out")}: no shard; expected the files batch-1-of-n.json and so on of `credence-infer batch --shard`. Check the path.\n"), Error("out"));
        File.WriteAllText(folder.File("out/batch-1-of-2.json"), "{}");
        File.WriteAllText(folder.File("out/cases-1-of-4.jsonl"), "");
        Assert.StartsWith($"(3, error: {folder.File("out")}: shards of 2 and of 4; expected those of one batch.", Error("out").ToString(), StringComparison.Ordinal);
        File.Delete(folder.File("out/cases-1-of-4.jsonl"));
        Assert.Equal(7, Error("out").Code);
    }

    /// <summary>Every pod of docs/how-to/cluster/batch.yaml, with the environment that Kubernetes gives it.</summary>
    [Fact]
    public void The_pods_of_the_ready_job_do_all_cases_once()
    {
        var job = new JobFile("batch.yaml");
        job.AssertSound();
        Assert.Equal("credence-infer", job.Program);
        File.Delete(folder.File("in/bad.nii.gz"));
        Directory.Move(folder.File("in"), folder.File("scans"));
        File.Move(folder.File("tiny.onnx"), folder.File("model.onnx"));
        Parallel.For(0, job.Completions, new() { MaxDegreeOfParallelism = 2 }, index =>
        {
            var (code, _, error) = Infer(job.Environment(index), [.. job.Arguments(folder.Path), "--samples", "1", "--no-page"]);
            Assert.True(code == 0, error);
            Assert.StartsWith($"shard {index + 1}/{job.Completions}, from JOB_COMPLETION_INDEX={index} and CREDENCE_SHARDS={job.Completions}\n", error, StringComparison.Ordinal);
        });
        Assert.Equal((0, $"{job.Completions} shards, {Cases} cases: {Cases} done, 0 unchanged, 0 failed -> {folder.File("results")}\n"), (Infer("", "merge", folder.File("results")) is var (end, output, _) ? (end, output) : default));
    }

    [Fact]
    public void A_job_of_kubernetes_must_say_how_many_there_are()
    {
        var (code, _, error) = Infer("JOB_COMPLETION_INDEX=1", Batch(folder.File("out")));
        Assert.Equal(2, code);
        Assert.Contains("JOB_COMPLETION_INDEX=1, but nothing says how many shards there are. Set CREDENCE_SHARDS", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    private (int Code, string Error) Error(string name)
    {
        var (code, _, error) = Infer("", "merge", folder.File(name));
        return (code, error);
    }

    private string[] Batch(string output, params string[] options) => ["batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", output, "--samples", "4", .. options];

    private static string WithoutTimes(string text) => Times().Replace(text, "");

    private static (int ExitCode, string Output, string Error) Infer(string environment, params string[] arguments) => BuiltProgram.RunIn("InferenceCli", "credence-infer", environment, arguments);

    /// <summary>Times of day, and seconds: in JSON, in the table by their column, and in the page by their cell.</summary>
    [GeneratedRegex("""\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|"seconds":[\d.]+|(?<=,4,)[\d.]+(?=,,)|data-label="Seconds" data-key="[\d.]+">[\d.]+<""")]
    private static partial Regex Times();
}
