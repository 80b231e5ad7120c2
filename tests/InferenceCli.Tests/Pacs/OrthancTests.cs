using System.Text.Json;
using Credence.Inference.Tests;
using Credence.InferenceCli.Tests.Batch;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Results;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>credence-infer pacs against a real PACS: over TLS with an authority of its own, and with a user.</summary>
public sealed class OrthancTests : IDisposable
{
    private const string Patient = "Zebrafinch-48151623"; // name and ID
    private const string Study = "1.2.826.0.1.3680043.9.7.1", Other = "1.2.826.0.1.3680043.9.7.2";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_study_is_found_fetched_segmented_and_its_results_stored_beside_it()
    {
        using var orthanc = await Orthanc.StartAsync(folder);
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        File.WriteAllText(folder.File("user"), Orthanc.User + "\n");
        Series("flair", Study, "AX FLAIR", 1);
        Series("t1", Study, "AX T1", 2);
        Series("other", Other, "AX T1", 3);
        foreach (var file in new[] { "flair", "t1", "other" }.SelectMany(n => Directory.GetFiles(folder.File(n))))
        {
            await orthanc.UploadAsync(file);
        }

        // Both are found by the patient; one has no FLAIR.
        var (code, output, error) = Pacs(orthanc, "--patient-id", Patient, "--list");
        Assert.Equal((5, ""), (code, error));
        Assert.Contains($"FLAIR = {orthanc.DicomWeb}/studies/{Study}/series/", output, StringComparison.Ordinal);
        Assert.Contains("no scan matches channel FLAIR among series 1 \"AX T1\"; expected one.", output, StringComparison.Ordinal);
        AssertNobodyIsNamed(output, error);

        (code, output, error) = Pacs(orthanc, "--study", Study, "--json");
        Assert.Equal((0, ""), (code, error));
        AssertNobodyIsNamed([output, error, .. Directory.GetFiles(folder.File("out"), "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".dcm", StringComparison.Ordinal)).SelectMany(f => new[] { f, File.ReadAllText(f) })]);
        using var record = JsonDocument.Parse(output);
        var name = record.RootElement.GetProperty("case").GetString()!;
        Assert.Equal(("done", 5), (record.RootElement.GetProperty("status").GetString(), record.RootElement.GetProperty("stored").GetProperty("instances").GetArrayLength()));

        // Nothing of the patient's scans stays behind.
        Assert.Equal([".lock"], Directory.GetFileSystemEntries(folder.File("out/.unfinished")).Select(Path.GetFileName));

        // In the PACS: five new series in the study, and the same segmentation as from the files.
        var study = Assert.Single((await orthanc.GetAsync("studies?expand")).EnumerateArray(), s => s.GetProperty("MainDicomTags").GetProperty("StudyInstanceUID").GetString() == Study);
        Assert.Equal(2 + 5, study.GetProperty("Series").GetArrayLength());
        var modalities = (await Task.WhenAll(study.GetProperty("Series").EnumerateArray().Select(s => orthanc.GetAsync($"series/{s.GetString()}")))).ToList();
        var segmentation = Assert.Single(modalities, s => s.GetProperty("MainDicomTags").GetProperty("Modality").GetString() == "SEG");
        var stored = folder.File("stored.dcm");
        await File.WriteAllBytesAsync(stored, await orthanc.GetBytesAsync($"instances/{segmentation.GetProperty("Instances")[0].GetString()}/file"));
        Assert.Equal(0, BuiltProgram.Run("InferenceCli", "credence-infer", "predict", folder.File("flair"), "--model", folder.File("tiny.onnx"), "--output", folder.File("local"), "--samples", "4").ExitCode);
        var labels = NiftiFile.ReadLabels(folder.File("local/segmentation.nii.gz"));
        Assert.Contains(labels.Labels, l => l == 7);
        Assert.Equal(labels.Labels.Select(l => l == 7 ? 1 : 0), DicomSegmentation.Read(stored).ToLabels(labels.Geometry).Labels.Select(l => (int)l));

        // Again: nothing is fetched, predicted or stored.
        var before = (await orthanc.GetAsync("statistics")).GetProperty("CountInstances").GetInt32();
        var written = File.GetLastWriteTimeUtc(folder.File($"out/{name}/report.json"));
        (code, output, _) = Pacs(orthanc, "--study", Study, "--json");
        Assert.Equal(0, code);
        Assert.Contains("\"status\":\"unchanged\"", output, StringComparison.Ordinal);
        Assert.Equal((before, written), ((await orthanc.GetAsync("statistics")).GetProperty("CountInstances").GetInt32(), File.GetLastWriteTimeUtc(folder.File($"out/{name}/report.json"))));
    }

    /// <summary>Oracle: every study alone, from its files.</summary>
    [Fact]
    public async Task Studies_run_at_a_time_and_each_is_stored_beside_its_own_scan()
    {
        using var orthanc = await Orthanc.StartAsync(folder);
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        File.WriteAllText(folder.File("user"), Orthanc.User + "\n");
        var studies = Enumerable.Range(1, 4).Select(n => (Name: $"scan{n}", Uid: $"1.2.826.0.1.3680043.9.7.{n}")).ToList();
        foreach (var (name, uid) in studies)
        {
            Series(name, uid, "AX FLAIR", uid[^1]);
            foreach (var file in Directory.GetFiles(folder.File(name)))
            {
                await orthanc.UploadAsync(file);
            }
        }

        var (code, output, error) = Pacs(orthanc, "--patient-id", Patient, "--jobs", "3", "--json");

        Assert.Equal((0, ""), (code, error));
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        foreach (var (name, uid) in studies)
        {
            using var record = JsonDocument.Parse(Assert.Single(lines, l => l.Contains($"/studies/{uid}/", StringComparison.Ordinal)));
            var stored = record.RootElement.GetProperty("stored").GetProperty("instances").EnumerateArray().Select(i => i.GetString()!).ToList();
            Assert.Equal(5, stored.Count);
            Assert.Equal(0, BuiltProgram.Run("InferenceCli", "credence-infer", "predict", folder.File(name), "--model", folder.File("tiny.onnx"), "--output", folder.File($"local-{name}"), "--samples", "4").ExitCode);
            Assert.Equal(
                NiftiFile.ReadLabels(folder.File($"local-{name}/segmentation.nii.gz")).Labels, NiftiFile.ReadLabels(folder.File($"out/{record.RootElement.GetProperty("case").GetString()}/segmentation.nii.gz")).Labels);
            var there = (await orthanc.GetAsync("studies?expand")).EnumerateArray().Single(s => s.GetProperty("MainDicomTags").GetProperty("StudyInstanceUID").GetString() == uid);
            Assert.Equal(1 + 5, there.GetProperty("Series").GetArrayLength());
        }
    }

    [Theory]
    [InlineData("6 .*no secure connection .*--ca", "ca.pem", null)]
    [InlineData("6 .*status 401 .*--basic-file", "user", null)]
    [InlineData("6 .*status 404 .*; of Orthanc it ends with /dicom-web", null, "not-dicom-web")]
    [InlineData("3 .*no study that matches", null, "dicom-web")]
    public async Task What_the_server_refuses_is_said(string expected, string? without, string? path)
    {
        using var orthanc = await Orthanc.StartAsync(folder);
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        File.WriteAllText(folder.File("user"), Orthanc.User);
        var (code, output, error) = Infer(orthanc.DicomWeb.Replace("dicom-web", path ?? "dicom-web", StringComparison.Ordinal), without, "--patient-id", Patient);

        Assert.Matches($"^{expected}", $"{code} {error}");
        Assert.Equal("", output);
        AssertNobodyIsNamed(output, error);
    }

    private static void AssertNobodyIsNamed(params string[] texts) => Assert.All(texts, text => Assert.All(["Zebrafinch", "48151623", "a secret"], secret => Assert.DoesNotContain(secret, text, StringComparison.OrdinalIgnoreCase)));

    private (int ExitCode, string Output, string Error) Pacs(Orthanc orthanc, params string[] options) => Infer(orthanc.DicomWeb, null, options);

    private (int ExitCode, string Output, string Error) Infer(string url, string? without, params string[] options) => BuiltProgram.Run("InferenceCli", "credence-infer",
    [
        "pacs", url, "--model", folder.File("tiny.onnx"), "--output", folder.File("out"), "--samples", "4",
        .. without == "ca.pem" ? Array.Empty<string>() : ["--ca", folder.File("ca.pem")], .. without == "user" ? Array.Empty<string>() : ["--basic-file", folder.File("user")], .. options,
    ]);

    private void Series(string name, string study, string description, int seed)
    {
        var random = new Random(seed);
        var grid = new VolumeGeometry(new(12, 10, 8), Affine.Scaling(new(1, 1, 2)));
        DicomSeriesWriter.Write(folder.File(name), new(grid, [.. Enumerable.Range(0, (int)grid.Size.Count).Select(_ => (float)random.Next(0, 1000))]), new() { UidSeed = name, Patient = Patient, Description = description });
        DicomStudy.Move(folder.File(name), study);
    }
}
