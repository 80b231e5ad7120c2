using System.Diagnostics;
using System.Text.Json;
using Credence.Inference.Tests;
using Credence.InferenceCli.Batch;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Results;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Batch;

/// <summary>credence-infer batch as a user runs it.</summary>
public sealed class BatchCommandTests : IDisposable
{
    private static readonly VolumeGeometry Grid = new(new(12, 10, 8), Affine.Scaling(new(1, 1, 2)));

    private readonly TemporaryFolder folder = new();

    public BatchCommandTests() => File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());

    private string Output => folder.File("out");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_case_is_predicted_as_predict_does_it_and_a_bad_one_stops_no_other()
    {
        Scan("in/a.nii.gz", 1);
        Scan("in/b.nii.gz", 2);
        Directory.CreateDirectory(folder.File("in/sub"));
        File.WriteAllText(folder.File("in/bad.nii.gz"), "no scan");
        Scan("in/sub/t1.nii.gz", 3);

        var (code, output, error) = Batch("--jobs", "2");

        Assert.Equal(5, code);
        Assert.Matches(@"(?m)^a +done +lesion \d+\.\d\d \(samples \d+\.\d\d to \d+\.\d\d\) +4 +\d", output);
        Assert.Matches(@"(?m)^bad +failed +- +- +-$", output);
        Assert.EndsWith("2 done, 2 failed\n", output, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^\[\d/4\] error: bad: .*bad\.nii\.gz: .*; expected ", error);
        Assert.Contains("error: sub: no scan matches channel FLAIR among t1.nii.gz; expected one.", error, StringComparison.Ordinal);
        Assert.Equal([".unfinished", "a", "b", "batch.json", "cases.csv", "cases.jsonl", "index.html"], Directory.GetFileSystemEntries(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        Assert.Equal(0, Infer("predict", folder.File("in/a.nii.gz"), "--model", folder.File("tiny.onnx"), "--output", folder.File("single"), "--samples", "4").ExitCode);
        Assert.All(Directory.GetFiles(folder.File("single"), "*.nii.gz"), f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(Path.Combine(Output, "a", Path.GetFileName(f)))));

        var lines = Log();
        Assert.Equal(["a done", "b done", "bad failed", "sub failed"], lines.Select(l => $"{l.GetProperty("case")} {l.GetProperty("status")}").Order(StringComparer.Ordinal));
        var a = lines.Single(l => l.GetProperty("case").GetString() == "a");
        Assert.Equal((4, 64, "FLAIR"), (a.GetProperty("samples").GetInt32(), a.GetProperty("inputSha256").GetString()!.Length, a.GetProperty("inputs")[0].GetProperty("channel").GetString()));
    }

    [Fact]
    public void A_case_is_done_again_only_when_input_model_or_options_changed()
    {
        Scan("in/a.nii.gz", 1);
        Scan("in/b.nii.gz", 2);
        Assert.Equal("a done, b done", Statuses());
        Assert.Equal("a unchanged, b unchanged", Statuses());
        Assert.Equal("a unchanged, b unchanged", Statuses("--jobs", "2", "--feature-memory", "1", "--threads", "1")); // these change no result

        File.SetLastWriteTimeUtc(folder.File("in/a.nii.gz"), new(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc)); // copied: the bytes decide
        Assert.Equal("a unchanged, b unchanged", Statuses());
        Scan("in/b.nii.gz", 3);
        var before = File.ReadAllBytes(Path.Combine(Output, "b/probability.nii.gz"));
        Assert.Equal("a unchanged, b done", Statuses());
        Assert.NotEqual(before, File.ReadAllBytes(Path.Combine(Output, "b/probability.nii.gz")));

        Assert.Equal("a done, b done", Statuses("--seed", "7"));
        Assert.Equal("a unchanged, b unchanged", Statuses("--seed", "7"));
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes(m => m with { Calibration = m.Calibration with { Threshold = 0.4 } }));
        Assert.Equal("a done, b done", Statuses("--seed", "7"));

        Directory.Delete(Path.Combine(Output, "a"), recursive: true);
        File.WriteAllText(Path.Combine(Output, "b/case.json"), "{");
        Assert.Equal("a done, b done", Statuses("--seed", "7"));
    }

    [Fact]
    public void Scans_unlike_the_training_cases_are_marked_in_the_record_or_fail()
    {
        Scan("in/a.nii.gz", 1);
        NiftiFile.Write(folder.File("in/thick.nii.gz"), new Volume(new(Grid.Size, Affine.Scaling(new(1, 1, 3))), Volume(2).Voxels));
        Assert.Equal("a done, thick done", Statuses());
        var record = JsonDocument.Parse(File.ReadAllText(Path.Combine(Output, "thick/case.json"))).RootElement;
        Assert.Contains("a spacing of 3 mm along inferior-superior", record.GetProperty("warnings")[0].GetString(), StringComparison.Ordinal);

        var (code, _, error) = Batch("--strict");
        Assert.Equal(5, code);
        Assert.Contains("thick: ", error, StringComparison.Ordinal);
        Assert.Contains("raise the deviation limit above 1.82 (now 1)", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_of_someone_else_is_not_replaced()
    {
        Scan("in/a.nii.gz", 1);
        Directory.CreateDirectory(Path.Combine(Output, "a"));
        File.WriteAllText(Path.Combine(Output, "a/notes.txt"), "mine");

        var (code, _, error) = Batch();

        Assert.Equal(5, code);
        Assert.Contains("out/a: no case.json; expected a folder that batch wrote, which it may replace.", error, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(Output, "a/notes.txt")));
    }

    /// <summary>The process is killed, in earnest, at whatever it does; at every moment each folder that can be seen is whole, and the last run brings the rest.</summary>
    [Fact]
    public void After_kill_9_nothing_is_half_written_and_the_next_run_completes()
    {
        var names = Enumerable.Range(0, 24).Select(n => $"case{n:D2}").ToList();
        names.ForEach(n => Scan($"in/{n}.nii.gz", n.GetHashCode(StringComparison.Ordinal) % 7));
        var (random, kills, seen) = (new Random(9), 0, new SortedSet<int>());
        for (var attempt = 0; attempt < 8; attempt++)
        {
            using var process = BuiltProgram.Start("InferenceCli", "credence-infer", Arguments("--json", "--jobs", "2", "--seed", attempt % 2 == 0 ? "1" : "2"));
            var errors = process.StandardError.ReadToEndAsync();
            Assert.NotNull(process.StandardOutput.ReadLine()); // the first case is done
            Thread.Sleep(random.Next(0, 120));
            process.Kill(); // SIGKILL
            process.WaitForExit();
            kills += process.ExitCode == 137 ? 1 : 0;

            var folders = Directory.GetDirectories(Output).Where(f => Path.GetFileName(f) != ".unfinished").ToList();
            seen.Add(folders.Count);
            Assert.All(folders, AssertWhole);
            Assert.Empty(Directory.GetFiles(Output, "*.part"));
            Assert.All(File.ReadAllText(Path.Combine(Output, "cases.jsonl")).Split('\n', StringSplitOptions.RemoveEmptyEntries), l => JsonDocument.Parse(l).Dispose());
        }

        Assert.EndsWith("</html>\n", File.ReadAllText(Path.Combine(Output, "index.html")), StringComparison.Ordinal);
        Assert.True(kills >= 4, $"only {kills} of 8 processes were still running when they were killed");
        var (code, output, _) = Batch("--json", "--seed", "1");
        Assert.Equal((0, 24), (code, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.Equal([".unfinished", .. names], Directory.GetDirectories(Output).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        Assert.Equal([".lock"], Directory.GetFileSystemEntries(Path.Combine(Output, ".unfinished")).Select(Path.GetFileName));
        Assert.Contains("24 cases: ", File.ReadAllText(Path.Combine(Output, "index.html")), StringComparison.Ordinal);

        // The same as a run that nobody disturbed.
        Assert.Equal(0, Infer([.. Arguments("--seed", "1").Select(a => a == Output ? folder.File("undisturbed") : a)]).ExitCode);
        Assert.All(names, n => Assert.All(Directory.GetFiles(folder.File($"undisturbed/{n}"), "*.nii.gz"), f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(Path.Combine(Output, n, Path.GetFileName(f))))));
    }

    /// <summary>Killed between the two renames that replace a result: the earlier one is shown again, as it was.</summary>
    [Fact]
    public void An_earlier_result_whose_successor_never_came_is_put_back()
    {
        Scan("in/a.nii.gz", 1);
        Assert.Equal(0, Batch("--seed", "1").ExitCode);
        var before = File.ReadAllBytes(Path.Combine(Output, "a/probability.nii.gz"));
        Directory.Move(Path.Combine(Output, "a"), Path.Combine(Output, ".unfinished/a.replaced"));
        Directory.CreateDirectory(Path.Combine(Output, ".unfinished/a"));

        using (new BatchFolder(Output, Shard.Whole))
        {
            Assert.Equal(before, File.ReadAllBytes(Path.Combine(Output, "a/probability.nii.gz")));
        }

        Assert.Equal([".lock"], Directory.GetFileSystemEntries(Path.Combine(Output, ".unfinished")).Select(Path.GetFileName));
    }

    [Fact]
    public void Two_processes_do_not_write_one_folder()
    {
        Scan("in/a.nii.gz", 1);
        Directory.CreateDirectory(Path.Combine(Output, ".unfinished"));
        using (new FileStream(Path.Combine(Output, ".unfinished/.lock"), FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            var (code, _, error) = Batch();
            Assert.Equal(3, code);
            Assert.Contains("out: a folder that another process is writing", error, StringComparison.Ordinal);
            Assert.Equal(0, Batch("--shard", "1/2").ExitCode); // shares the folder
        }

        Assert.Equal(["a"], File.ReadAllLines(Path.Combine(Output, "cases-1-of-2.jsonl")).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("case").GetString()));
        Assert.Equal("a unchanged", Statuses());
    }

    [Fact]
    public void List_shows_rules_and_choices_and_runs_nothing()
    {
        Scan("in/p1_flair.nii.gz", 1);
        Scan("in/p1_t1.nii.gz", 2);
        var (code, output, _) = Batch("--list");

        Assert.Equal(0, code);
        Assert.Matches(@"(?m)^rule: FLAIR = .*flair.*, else the only scan", output);
        Assert.Contains($"rule: ignore = {InferenceCli.Batch.ChannelRules.DefaultIgnore}", output, StringComparison.Ordinal);
        Assert.EndsWith($"p1: FLAIR = {folder.File("in/p1_flair.nii.gz")}\n", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));

        var (_, json, _) = Batch("--list", "--json", "--channel", "FLAIR=t1");
        Assert.EndsWith("p1_t1.nii.gz", JsonDocument.Parse(json).RootElement.GetProperty("inputs")[0].GetProperty("path").GetString(), StringComparison.Ordinal);
    }

    /// <summary>What an earlier run wrote is no scan, wherever it lies and whatever rules are given.</summary>
    [Fact]
    public void Results_are_never_read_as_cases()
    {
        Scan("in/a_flair.nii.gz", 1);
        string[] Run(string output) => ["batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", output, "--samples", "2", "--ignore", "nothing", "--channel", "FLAIR=."];
        for (var n = 0; n < 2; n++)
        {
            Assert.Matches("1 (done|unchanged)\n$", Infer(Run(folder.File("in/out/"))).Output);
        }

        Assert.EndsWith("\n1 done\n", Infer(Run(folder.File("in/other"))).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_drop_folder_is_watched_and_a_file_is_taken_when_it_is_whole()
    {
        Directory.CreateDirectory(folder.File("in"));
        Scan("scan.nii.gz", 1);
        var bytes = File.ReadAllBytes(folder.File("scan.nii.gz"));
        using var process = BuiltProgram.Start("InferenceCli", "credence-infer", Arguments("--watch", "--settle", "1.5", "--json"));
        var errors = process.StandardError.ReadToEndAsync();
        using (var slow = new FileStream(folder.File("in/slow.nii.gz"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite))
        {
            for (var n = 0; n < 20; n++)
            {
                slow.Write(bytes, n * bytes.Length / 20, (n + 1) * bytes.Length / 20 - n * bytes.Length / 20);
                slow.Flush();
                Thread.Sleep(200);
            }
        }

        using var first = JsonDocument.Parse(process.StandardOutput.ReadLine()!);
        Assert.Equal(("slow", "done"), (first.RootElement.GetProperty("case").GetString(), first.RootElement.GetProperty("status").GetString()));
        File.WriteAllText(folder.File("in/bad.nii.gz"), "no scan");
        using var second = JsonDocument.Parse(process.StandardOutput.ReadLine()!);
        Assert.Equal(("bad", "failed"), (second.RootElement.GetProperty("case").GetString(), second.RootElement.GetProperty("status").GetString()));
        File.WriteAllBytes(folder.File("in/bad.nii.gz"), bytes); // mended
        using var third = JsonDocument.Parse(process.StandardOutput.ReadLine()!);
        Assert.Equal(("bad", "done"), (third.RootElement.GetProperty("case").GetString(), third.RootElement.GetProperty("status").GetString()));

        // The folder is on a network that goes away for a while.
        Directory.Move(folder.File("in"), folder.File("away"));
        Thread.Sleep(3000);
        Directory.Move(folder.File("away"), folder.File("in"));
        File.WriteAllBytes(folder.File("in/late.nii.gz"), bytes);
        using var fourth = JsonDocument.Parse(process.StandardOutput.ReadLine()!);
        Assert.Equal(("late", "done"), (fourth.RootElement.GetProperty("case").GetString(), fourth.RootElement.GetProperty("status").GetString()));

        // What a service manager sends; a shell starts what it puts in the background with SIGINT ignored.
        using var interrupt = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        Assert.True(process.WaitForExit(60_000));
        Assert.Equal(5, process.ExitCode);
        Assert.Single((await errors).Split('\n'), line => line.StartsWith("waiting: ", StringComparison.Ordinal));
        Assert.Equal(3, File.ReadAllLines(Path.Combine(Output, "cases.jsonl")).Length); // a line a case: the list was closed
    }

    [Theory]
    [InlineData("3 .*nowhere: no such folder", "nowhere")]
    [InlineData("3 .*empty: no case; expected NIfTI files or DICOM studies", "empty")]
    [InlineData("2 error: --channel T9: the model has no such channel, but FLAIR", "empty", "--channel", "T9=x")]
    [InlineData("2 error: --channel: .*\\[", "empty", "--channel", "FLAIR=[")]
    [InlineData("2 error: --channel: \"FLAIR\" is not CHANNEL=PATTERN", "empty", "--channel", "FLAIR")]
    [InlineData("2 error: --jobs is below 1", "empty", "--jobs", "0")]
    [InlineData("2 error: --shard 3/2: give number/count", "empty", "--shard", "3/2")]
    [InlineData("2 error: --watch with shard 2/3: a shard is a place in a list", "empty", "--watch", "--shard", "2/3")]
    [InlineData("2 error: --settle is out of range; give a number above 0 and at most 1000000", "empty", "--watch", "--settle", "0")]
    [InlineData("2 error: --settle is out of range", "empty", "--watch", "--settle", "1e12")]
    [InlineData("2 error: --time-budget is out of range", "empty", "--time-budget", "1e12")]
    public void What_cannot_be_run_is_refused(string expected, string input, params string[] options)
    {
        Directory.CreateDirectory(folder.File("empty"));
        var (code, output, error) = Infer(["batch", folder.File(input), "--model", folder.File("tiny.onnx"), "--output", Output, .. options]);

        Assert.Matches($"^{expected}", $"{code} {error}");
        Assert.Equal("", output);
    }

    /// <summary>Two series of a study, one of them the model's channel; results of the last run lie in the tree and are not taken for scans.</summary>
    [Fact]
    public void Dicom_results_lie_in_the_study_of_the_scan()
    {
        Study();
        Assert.Equal("pat done", Statuses("--dicom"));

        var scan = DicomSeries.Scan(folder.File("in/pat/flair"))[0];
        var results = DicomSeries.Scan(Path.Combine(Output, "pat"));
        Assert.Equal(["mutual-information.dcm", "picture.dcm", "predictive-entropy.dcm", "probability.dcm", "segmentation.dcm"],
            Directory.GetFiles(Path.Combine(Output, "pat"), "*.dcm").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.All(results, r => Assert.Equal(scan.StudyUid, r.StudyUid));
        Assert.Equal(results.Count, results.Select(r => r.Uid).Append(scan.Uid).Distinct().Count() - 1);
        var labels = NiftiFile.ReadLabels(Path.Combine(Output, "pat/segmentation.nii.gz"));
        var mask = DicomSegmentation.Read(Path.Combine(Output, "pat/segmentation.dcm")).ToLabels(labels.Geometry);
        Assert.Equal(labels.Labels.Select(l => l == 7 ? 1 : 0), mask.Labels.Select(l => (int)l));
        Assert.Contains(labels.Labels, l => l == 7);
        Assert.Equal(NiftiFile.Read(Path.Combine(Output, "pat/probability.nii.gz")).Voxels, Orientation.Reorder(
            DicomSeries.Read(Path.Combine(Output, "pat/probability.dcm")), NiftiFile.Read(Path.Combine(Output, "pat/probability.nii.gz")).Geometry).Voxels);

        Directory.Move(Path.Combine(Output, "pat"), folder.File("in/pat/results"));
        Assert.Equal("pat done", Statuses("--dicom"));
    }

    [Theory]
    [InlineData("segmentation.dcm", "Segmentation")]
    [InlineData("probability.dcm", "ParametricMap")]
    [InlineData("predictive-entropy.dcm", "ParametricMap")]
    [InlineData("mutual-information.dcm", "ParametricMap")]
    [InlineData("picture.dcm", "MultiframeTrueColorSCImage")]
    public void Dciodvfy_finds_no_error_in_what_predict_writes(string name, string kind)
    {
        Study();
        Assert.Equal(0, Infer("predict", folder.File("in/pat/flair"), "--model", folder.File("tiny.onnx"), "--output", Output, "--dicom").ExitCode);
        var output = Shared.Run("dicom3tools", "dciodvfy", Path.Combine(Output, name));

        Assert.Contains(kind, output, StringComparison.Ordinal);
        Assert.DoesNotContain("Error", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Dicom_results_of_a_nifti_scan_are_refused_before_the_work()
    {
        Scan("a.nii.gz", 1);
        var (code, _, error) = Infer("predict", folder.File("a.nii.gz"), "--model", folder.File("tiny.onnx"), "--output", Output, "--dicom");

        Assert.Equal(3, code);
        Assert.Matches(@"^error: .*a\.nii\.gz: no DICOM series; expected a DICOM series, in whose study results can lie\. ", error);
        Assert.False(Directory.Exists(Output));
    }

    [Fact]
    public void The_page_of_the_batch_has_all_cases_and_leads_to_their_pages()
    {
        Scan("in/ä b/a.nii.gz", 1);
        Scan("in/b.nii.gz", 2);
        Assert.Equal(0, Batch().ExitCode);
        var page = File.ReadAllText(Path.Combine(Output, "index.html"));
        Assert.Contains("2 cases: 2 done.", page, StringComparison.Ordinal);
        var links = System.Text.RegularExpressions.Regex.Matches(page, "href=\"([^\"]*)\"").Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(["b/report.html", "%C3%A4-b_a/report.html"], links);
        Assert.All(links, l => Assert.True(File.Exists(Path.Combine(Output, Uri.UnescapeDataString(l)))));

        // After a resume: what was done before is there too; a result that a failed case had before is named as that.
        File.WriteAllText(folder.File("in/b.nii.gz"), "no scan");
        Assert.Equal(5, Batch().ExitCode);
        page = File.ReadAllText(Path.Combine(Output, "index.html"));
        Assert.Contains("2 cases: 1 unchanged, 1 failed.", page, StringComparison.Ordinal);
        Assert.Contains("<a href=\"b/report.html\">b</a> <span class=\"quiet\">(an earlier result)</span>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"completeness\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Processes_that_share_the_work_share_the_page()
    {
        Array.ForEach(["a", "b", "c"], n => Scan($"in/{n}.nii.gz", 1));
        Assert.Equal(0, Batch("--shard", "1/2").ExitCode);
        var page = File.ReadAllText(Path.Combine(Output, "index.html"));
        Assert.Contains("2 of 3 cases so far: 2 done.", page, StringComparison.Ordinal);
        Assert.Contains("Shards of 2 that have written here: 1. Missing: 2.", page, StringComparison.Ordinal);
        Assert.Contains("1 of 3 cases are not here yet.", page, StringComparison.Ordinal);

        Assert.Equal(0, Batch("--shard", "2/2").ExitCode);
        page = File.ReadAllText(Path.Combine(Output, "index.html"));
        Assert.Contains("3 cases: 3 done.", page, StringComparison.Ordinal);
        Assert.Contains("Shards of 2 that have written here: 1, 2.</p>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Missing", page, StringComparison.Ordinal);
    }

    [Fact]
    public void No_page_is_written_on_request()
    {
        Scan("in/a.nii.gz", 1);
        Assert.Equal(0, Batch("--no-page").ExitCode);
        Assert.False(File.Exists(Path.Combine(Output, "index.html")));
        Assert.False(File.Exists(Path.Combine(Output, "a/report.html")));
    }

    private static void AssertWhole(string path)
    {
        Assert.Equal(["case.json", "lesions.csv", "lesions.json", "lesions.nii.gz", "mutual-information.nii.gz", "predictive-entropy.nii.gz", "probability.nii.gz", "report.html", "report.json", "segmentation.nii.gz"],
            Directory.GetFileSystemEntries(path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, "case.json"))).Dispose();
        Assert.All(Directory.GetFiles(path, "*.nii.gz"), f => Assert.Equal(Grid.Size, NiftiFile.Read(f).Geometry.Size));
    }

    private void Study()
    {
        DicomSeriesWriter.Write(folder.File("in/pat/flair"), Volume(1), new() { UidSeed = "1", Patient = "1", Description = "AX FLAIR" });
        DicomSeriesWriter.Write(folder.File("in/pat/t1"), Volume(2), new() { UidSeed = "2", Patient = "1", Description = "AX T1" });
        DicomStudy.Move(folder.File("in/pat/flair"), "1.2.3.4");
        DicomStudy.Move(folder.File("in/pat/t1"), "1.2.3.4");
    }

    private void Scan(string name, int seed)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder.File(name))!);
        NiftiFile.Write(folder.File(name), Volume(seed));
    }

    private static Volume Volume(int seed)
    {
        var random = new Random(seed);
        return new(Grid, [.. Enumerable.Range(0, (int)Grid.Size.Count).Select(_ => (float)random.Next(0, 1000))]);
    }

    private string[] Arguments(params string[] options) =>
        ["batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", Output, "--samples", "4", .. options];

    private (int ExitCode, string Output, string Error) Batch(params string[] options) => Infer(Arguments(options));

    /// <summary>Runs it without a failure and says what became of each case.</summary>
    private string Statuses(params string[] options)
    {
        var (code, output, error) = Batch(["--json", .. options]);
        Assert.True(code == 0, error);
        return string.Join(", ", output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).Select(l => $"{l.GetProperty("case")} {l.GetProperty("status")}").Order(StringComparer.Ordinal));
    }

    private List<JsonElement> Log() => [.. File.ReadAllLines(Path.Combine(Output, "cases.jsonl")).Select(l => JsonDocument.Parse(l).RootElement)];

    private static (int ExitCode, string Output, string Error) Infer(params string[] arguments) => BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
}
