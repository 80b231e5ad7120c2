using System.Text.Json;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests;

/// <summary>credence-infer as a user runs it: outputs, exit codes and messages.</summary>
public sealed class PredictCommandTests : IDisposable
{
    private static readonly VolumeGeometry Grid = new(new(12, 10, 8), Affine.Scaling(new(1, 1, 2)));

    private readonly TemporaryFolder folder = new();

    public PredictCommandTests()
    {
        File.WriteAllBytes(Model, TinyModel.Bytes());
        NiftiFile.Write(Scan, Volume());
    }

    private string Model => folder.File("tiny.onnx");

    private string Scan => folder.File("scan.nii.gz");

    private string Output => folder.File("out");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_case_is_predicted_and_reported()
    {
        var (code, output, error) = Infer("predict", Scan, "--model", Model, "--output", Output, "--samples", "4", "--seed", "9", "--json");

        Assert.Equal((0, ""), (code, error));
        Assert.Equal(["lesions.csv", "lesions.json", "lesions.nii.gz", "mutual-information.nii.gz", "predictive-entropy.nii.gz", "probability.nii.gz", "report.html", "report.json", "segmentation.nii.gz"],
            Directory.GetFiles(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.True(NiftiFile.Read(Path.Combine(Output, "probability.nii.gz")).Geometry.IsSameGrid(Grid, 1e-5));
        using var report = JsonDocument.Parse(output);
        Assert.Equal((4, 9), (report.RootElement.GetProperty("samples").GetInt32(), report.RootElement.GetProperty("seed").GetInt32()));
    }

    [Fact]
    public void A_dicom_series_gives_the_maps_of_the_same_nifti_file()
    {
        DicomSeriesWriter.Write(folder.File("series"), Volume(), new() { UidSeed = "1", Patient = "1", Description = "FLAIR" });
        Assert.Equal(0, Infer("predict", Scan, "--model", Model, "--output", folder.File("a")).ExitCode);
        Assert.Equal(0, Infer("predict", folder.File("series"), "--model", Model, "--output", folder.File("b")).ExitCode);

        var (a, b) = (Map("a"), Map("b"));
        Assert.True(a.Geometry.IsSameGrid(b.Geometry));
        Assert.All(a.Voxels.Zip(b.Voxels), pair => Assert.Equal(pair.First, pair.Second, tolerance: 1e-6f));

        Volume Map(string name) => Orientation.ToCanonical(NiftiFile.Read(folder.File($"{name}/probability.nii.gz")));
    }

    [Fact]
    public void A_scan_unlike_the_training_cases_is_warned_of_and_refused_past_the_limit()
    {
        NiftiFile.Write(Scan, new Volume(new(Grid.Size, Affine.Scaling(new(1, 1, 3))), Volume().Voxels)); // trained at 2 mm; two margins of a factor of 1.25
        string[] arguments = ["predict", Scan, "--model", Model, "--output", Output, "--samples", "2"];

        var (code, output, error) = Infer([.. arguments, "--json"]);
        Assert.Equal((0, $"warning: {Scan}: a spacing of 3 mm along inferior-superior; expected 2 to 2 mm.\n"), (code, error));
        using var report = JsonDocument.Parse(output);
        Assert.Equal($"{Scan}: a spacing of 3 mm along inferior-superior; expected 2 to 2 mm.", Assert.Single(report.RootElement.GetProperty("warnings").EnumerateArray()).GetString());
        Assert.Contains("a spacing of 3 mm along inferior-superior", File.ReadAllText(Path.Combine(Output, "report.html")), StringComparison.Ordinal);

        Directory.Delete(Output, recursive: true);
        Assert.Equal(3, Infer([.. arguments, "--strict"]).ExitCode);
        Assert.Contains("raise the deviation limit above 1.82 (now 1.5)", Infer([.. arguments, "--deviation-limit", "1.5"]).Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));
        Assert.Equal(2, Infer([.. arguments, "--strict", "--any-scan"]).ExitCode);

        NiftiFile.Write(Scan, new Volume(new(Grid.Size, Affine.Scaling(new(1, 1, 9))), Volume().Voxels));
        Assert.Equal(3, Infer(arguments).ExitCode);
        Assert.Equal(0, Infer([.. arguments, "--any-scan"]).ExitCode);
    }

    /// <summary>The model is broken, and is not what the errors are about: a result that cannot be saved is found before the work.</summary>
    [Fact]
    public void A_place_that_cannot_take_the_result_is_refused_before_the_work()
    {
        File.WriteAllText(Model, "no model");
        Directory.CreateDirectory(Output);
        File.Move(Scan, Path.Combine(Output, "flair.nii.gz"));
        File.WriteAllText(Path.Combine(Output, "segmentation.nii.gz"), "drawn by hand");
        string[] Into(string place) => ["predict", Path.Combine(Output, "flair.nii.gz"), "--model", Model, "--output", place];
        var (code, _, error) = Infer(Into(Output));
        Assert.Equal(3, code);
        Assert.StartsWith($"error: {Output}/segmentation.nii.gz: a file without the report.json of a result beside it; expected ", error, StringComparison.Ordinal);

        (code, _, error) = Infer(Into(Path.Combine(Model, "out")));
        Assert.Equal(1, code);
        Assert.DoesNotContain("ONNX", error, StringComparison.Ordinal);
        Assert.Equal(4, Infer(Into(folder.File("new/out"))).ExitCode);
        Assert.False(Directory.Exists(folder.File("new")));
        Assert.Equal(["flair.nii.gz", "segmentation.nii.gz"], Directory.GetFileSystemEntries(Output).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_self_test_passes_and_a_model_with_other_golden_numbers_fails_it()
    {
        var (code, output, _) = Infer("self-test", Model);
        Assert.Equal(0, code);
        Assert.Matches(@"^tiny on cpu: largest difference \d\S* of the largest golden number -> passed\n$", output);

        File.WriteAllBytes(Model, TinyModel.Bytes(m => m with { SelfTest = m.SelfTest! with { DefaultLogits = [.. m.SelfTest!.DefaultLogits.Select(x => x + 0.01f)] } }));
        (code, _, var error) = Infer("self-test", Model);
        Assert.Equal(4, code);
        Assert.Matches(@"logits on cpu that differ from its golden numbers by 0\.00\d+ of the largest, at class \d, voxel \(\d+, \d+, \d+\) of its patch, [^;]+; expected at most 0\.0001\.", error);
    }

    [Fact]
    public void Only_a_model_that_is_signed_with_a_trusted_key_is_used()
    {
        using var key = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        var keys = Path.Combine(Path.GetDirectoryName(Model)!, "keys.pem");
        File.WriteAllText(keys, key.ExportSubjectPublicKeyInfoPem());
        string[] arguments = ["predict", Scan, "--model", Model, "--output", Output, "--samples", "2", "--trust", keys];
        var (code, _, error) = Infer(arguments);
        Assert.Equal(4, code);
        Assert.Contains("tiny.onnx: no signature; expected a signature of one of the trusted keys.", error, StringComparison.Ordinal);
        Assert.Equal(4, Infer("self-test", Model, "--trust", keys).ExitCode);
        Assert.Equal(4, Infer("batch", Path.GetDirectoryName(Scan)!, "--model", Model, "--output", Output, "--trust", keys, "--list").ExitCode);
        Assert.False(Directory.Exists(Output));

        File.WriteAllBytes(Model, Inference.Model.ModelSignature.Sign(TinyModel.Bytes(), key));
        Assert.Equal(0, Infer("self-test", Model, "--trust", keys).ExitCode);
        Assert.Equal(0, Infer(arguments).ExitCode);
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(Output, "report.json")));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(key.ExportSubjectPublicKeyInfo())), report.RootElement.GetProperty("modelSigner").GetString());
    }

    [Fact]
    public void A_calibrated_interval_is_shown_in_place_of_that_of_the_samples()
    {
        File.WriteAllBytes(Model, TinyModel.Bytes(m => m with { Calibration = new() { VolumeInterval = new() { Samples = 2, Factors = [2] } } }));
        var (_, output, _) = Infer("predict", Scan, "--model", Model, "--output", Output, "--samples", "2");
        Assert.Matches(@"^lesion \d+\.\d\d mL \(95 % interval \d+\.\d\d to \d+\.\d\d\); 2 samples", output);
        Assert.Contains("\"volumeInterval\":[", File.ReadAllText(Path.Combine(Output, "report.html")), StringComparison.Ordinal);
        Assert.Matches(@"^lesion \d+\.\d\d mL; 1 sample", Infer("predict", Scan, "--model", Model, "--output", Output, "--samples", "1").Output);

        Directory.CreateDirectory(folder.File("in"));
        File.Copy(Scan, folder.File("in/a.nii.gz"));
        var batch = Infer("batch", folder.File("in"), "--model", Model, "--output", Output + "-batch", "--samples", "2");
        Assert.Matches(@"lesion \d+\.\d\d \(\d+\.\d\d to \d+\.\d\d\) ", batch.Output);
        var rows = File.ReadLines(Path.Combine(Output + "-batch", "cases.csv")).Select(l => l.Split(',')).ToList();
        double Cell(string column) => double.Parse(rows[1][Array.IndexOf(rows[0], column)], System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(Cell("volume-interval-low") < Cell("volume-low-95") && Cell("volume-high-95") < Cell("volume-interval-high"));
    }

    /// <summary>ONNX Runtime has nothing to say of a model with noise inputs (the other tests want an empty error stream), and is heard where it has.</summary>
    [Fact]
    public void A_real_warning_of_the_runtime_is_not_silenced()
    {
        var model = Inference.Onnx.ModelProto.Parser.ParseFrom(TinyModel.Plain(TinyModel.MemberWeights(0)));
        var unused = model.Graph.Initializer[0].Clone();
        unused.Name = "unused_weight";
        model.Graph.Initializer.Add(unused);
        File.WriteAllBytes(Model, Google.Protobuf.MessageExtensions.ToByteArray(model));

        var (code, _, error) = Infer("predict", Scan, "--model", Model, "--output", Output);

        Assert.Equal(0, code);
        Assert.Contains("unused_weight", error, StringComparison.Ordinal);
    }

    /// <summary>Oracle: the mean over the maps of the members, each predicted from a model file of its own.</summary>
    [Fact]
    public void An_ensemble_is_the_mean_of_its_members_and_says_so()
    {
        float[][] members = [.. Enumerable.Range(0, 3).Select(TinyModel.MemberWeights)];
        var mean = new double[Grid.Size.Count];
        foreach (var member in members)
        {
            File.WriteAllBytes(Model, TinyModel.Plain(member));
            Assert.Equal(0, Infer("predict", Scan, "--model", Model, "--output", folder.File("member")).ExitCode);
            var map = NiftiFile.Read(folder.File("member/probability.nii.gz")).Voxels;
            mean = [.. mean.Zip(map, (sum, p) => sum + p / members.Length)];
        }

        File.WriteAllBytes(Model, TinyModel.Plain(members));
        var (code, output, error) = Infer("predict", Scan, "--model", Model, "--output", Output);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("; 3 samples (each member once), ", output, StringComparison.Ordinal);
        Assert.All(mean.Zip(NiftiFile.Read(Path.Combine(Output, "probability.nii.gz")).Voxels), p => Assert.Equal(p.First, p.Second, tolerance: 1e-5));
        Assert.True(NiftiFile.Read(Path.Combine(Output, "mutual-information.nii.gz")).Voxels.Max() > 1e-3f);
        Assert.Contains("Ensemble of 3 members", File.ReadAllText(Path.Combine(Output, "report.html")), StringComparison.Ordinal);

        using (var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(Output, "report.json"))))
        {
            Assert.Equal(("ensemble", 3, 3, "all-members"), (report.RootElement.GetProperty("posterior").GetString(), report.RootElement.GetProperty("members").GetInt32(),
                report.RootElement.GetProperty("samples").GetInt32(), report.RootElement.GetProperty("stoppedBy").GetString()));
        }

        // As a case of a batch the maps are the same bytes; too few samples are warned of.
        Directory.CreateDirectory(folder.File("in"));
        File.Copy(Scan, folder.File("in/a.nii.gz"));
        Assert.Equal(0, Infer("batch", folder.File("in"), "--model", Model, "--output", folder.File("batch")).ExitCode);
        Assert.All(Directory.GetFiles(Output, "*.nii.gz"), f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(folder.File($"batch/a/{Path.GetFileName(f)}"))));
        Assert.Matches("\"stoppedBy\": ?\"all-members\"", File.ReadAllText(folder.File("batch/cases.jsonl")));
        Assert.Equal("warning: Only 2 of the 3 members of the ensemble were run: the result is not that of the ensemble. Draw at least 3 samples.\n",
            Infer("predict", Scan, "--model", Model, "--output", Output, "--samples", "2").Error);

        Assert.Equal(0, Infer("self-test", Model).ExitCode);
        File.WriteAllBytes(Model, Swapped(members)); // the golden numbers of other members
        Assert.Equal(4, Infer("self-test", Model).ExitCode);

        static byte[] Swapped(float[][] members)
        {
            var right = Inference.Onnx.ModelProto.Parser.ParseFrom(TinyModel.Plain(members));
            right.MetadataProps[0].Value = Inference.Onnx.ModelProto.Parser.ParseFrom(TinyModel.Plain(members[0], members[2], members[1])).MetadataProps[0].Value;
            return Google.Protobuf.MessageExtensions.ToByteArray(right);
        }
    }

    [Fact]
    public void A_device_that_is_not_there_is_replaced_and_the_report_says_so()
    {
        var (code, output, error) = Infer("predict", Scan, "--model", Model, "--output", Output, "--samples", "2", "--device", "directml", "--json");
        Assert.Equal(0, code);
        Assert.StartsWith("warning: directml:0 was asked for, and the model runs on the CPU: ", error, StringComparison.Ordinal);
        using var report = JsonDocument.Parse(output);
        Assert.Equal("cpu", report.RootElement.GetProperty("device").GetString());
        Assert.StartsWith("directml:0 was asked for", report.RootElement.GetProperty("warnings")[0].GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Flips_are_reported_apart_from_samples_and_an_unknown_axis_is_refused()
    {
        string[] arguments = ["predict", Scan, "--model", Model, "--output", Output, "--samples", "3", "--json"];
        var (code, output, _) = Infer([.. arguments, "--flips", "left-right,inferior-superior"]);
        using var report = JsonDocument.Parse(output);
        Assert.Equal((0, 3, 4), (code, report.RootElement.GetProperty("samples").GetInt32(), report.RootElement.GetProperty("copies").GetInt32()));

        (code, _, var error) = Infer([.. arguments, "--flips", "i"]);
        Assert.Equal(2, code);
        Assert.Contains("--flips: 'i' is not one of left-right, posterior-anterior, inferior-superior, all.", error, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> BadInputs => new()
    {
        { "absent", @"scan: nothing there|absent\.nii\.gz: no such file" },
        { "truncated gzip", @"scan\.nii\.gz: .*; expected .*\. .*" },
        { "wrong magic", @"scan\.nii: .*magic.*; expected .*n\+1.*\. .*" },
        { "not NIfTI", @"scan\.txt: a file of another kind; expected a \.nii or \.nii\.gz file" },
        { "NaN", @"scan\.nii\.gz: value NaN at voxel \(3, 1, 2\); expected finite numbers only\. Repair the volume" },
        { "zero slices", @"scan\.nii: .*0.*; expected .*\. .*" },
        { "empty folder", @"empty: no DICOM .*; expected .*series.*\. .*" },
        { "missing slice", @"series: .*; expected .*\. .*" },
        { "missing channel", @"scan\.nii\.gz: 1 channel; expected 2: FLAIR, T1\. Give one scan a channel, in this order\." },
        { "other grid", @"other\.nii\.gz: a grid of 12 x 10 x 7 voxels that is not the grid of .*; expected all channels on one grid" },
    };

    [Theory]
    [MemberData(nameof(BadInputs))]
    public void Bad_input_ends_with_exit_code_3_one_line_and_no_output(string kind, string message)
    {
        var inputs = Bad(kind);

        var (code, output, error) = Infer(["predict", .. inputs, "--model", Model, "--output", Output]);

        Assert.Equal((3, ""), (code, output));
        Assert.Matches($"^error: .*{message}.*\n$", error);
        AssertNothingWritten();
    }

    public static TheoryData<string, string> BadModels => new()
    {
        { "absent", @"tiny\.onnx: no such file; expected a model written by credence-export\. Check the path given with --model\." },
        { "not ONNX", @"tiny\.onnx: bytes that are not ONNX" },
        { "cut", @"tiny\.onnx: .*; expected .*\. .*" },
        { "no manifest", @"tiny\.onnx: no metadata ""credence\.manifest""; expected a model written by credence-export\. An ONNX file from elsewhere lacks preprocessing and classes" },
        { "newer", @"tiny\.onnx: manifest format version 99; expected at most 1\. Use a newer Credence" },
    };

    [Theory]
    [MemberData(nameof(BadModels))]
    public void A_bad_model_ends_with_exit_code_4_one_line_and_no_output(string kind, string message)
    {
        var bytes = TinyModel.Bytes();
        switch (kind)
        {
            case "absent":
                File.Delete(Model);
                break;
            case "not ONNX":
                File.WriteAllText(Model, "not ONNX");
                break;
            case "cut":
                File.WriteAllBytes(Model, bytes[..(bytes.Length / 2)]);
                break;
            case "no manifest":
                var model = Inference.Onnx.ModelProto.Parser.ParseFrom(bytes);
                model.MetadataProps.Clear();
                File.WriteAllBytes(Model, Google.Protobuf.MessageExtensions.ToByteArray(model));
                break;
            default:
                File.WriteAllBytes(Model, TinyModel.Bytes(manifestText: "{\"formatVersion\": 99}"));
                break;
        }

        var (code, output, error) = Infer("predict", Scan, "--model", Model, "--output", Output);

        Assert.Equal((4, ""), (code, output));
        Assert.Matches($"^error: .*{message}.*\n$", error);
        AssertNothingWritten();
    }

    [Theory]
    [InlineData("--samples is below 0", "--samples", "-1")]
    [InlineData("--overlap is out of range", "--overlap", "1")]
    [InlineData("--threads is below 0", "--threads", "-2")]
    [InlineData("many", "--samples", "many")]
    [InlineData("--unknown", "--unknown")]
    public void A_wrong_command_line_ends_with_exit_code_2(string message, params string[] options)
    {
        var (code, _, error) = Infer(["predict", Scan, "--model", Model, "--output", Output, .. options]);

        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        AssertNothingWritten();
    }

    private string[] Bad(string kind)
    {
        var plain = folder.File("scan.nii");
        switch (kind)
        {
            case "absent":
                return [folder.File("absent.nii.gz")];
            case "truncated gzip":
                File.WriteAllBytes(Scan, File.ReadAllBytes(Scan)[..^300]);
                return [Scan];
            case "wrong magic":
                Change(344, "nope"u8.ToArray());
                return [plain];
            case "not NIfTI":
                File.WriteAllText(folder.File("scan.txt"), "text");
                return [folder.File("scan.txt")];
            case "NaN":
                var volume = Volume();
                volume[3, 1, 2] = float.NaN;
                NiftiFile.Write(Scan, volume);
                return [Scan];
            case "zero slices":
                Change(46, [0, 0]); // dim[3]
                return [plain];
            case "empty folder":
                Directory.CreateDirectory(folder.File("empty"));
                return [folder.File("empty")];
            case "missing slice":
                DicomSeriesWriter.Write(folder.File("series"), Volume(), new() { UidSeed = "1", Patient = "1", Description = "FLAIR" });
                File.Delete(Directory.GetFiles(folder.File("series")).Order(StringComparer.Ordinal).ElementAt(3));
                return [folder.File("series")];
            default:
                File.WriteAllBytes(Model, TwoChannelModel());
                var other = Grid with { Size = new(12, 10, 7) };
                NiftiFile.Write(folder.File("other.nii.gz"), new Volume(other, new float[other.Size.Count]));
                return kind == "missing channel" ? [Scan] : [Scan, folder.File("other.nii.gz")];
        }

        void Change(int offset, byte[] bytes)
        {
            NiftiFile.Write(plain, Volume());
            var all = File.ReadAllBytes(plain);
            bytes.CopyTo(all, offset);
            File.WriteAllBytes(plain, all);
        }
    }

    /// <summary>The tiny model with a second channel: its graph is never run, since the scans do not fit.</summary>
    private static byte[] TwoChannelModel()
    {
        var model = Inference.Onnx.ModelProto.Parser.ParseFrom(TinyModel.Bytes(m => m with { Channels = [new("FLAIR"), new("T1")], Fingerprint = m.Fingerprint with { Channels = [.. m.Fingerprint.Channels, .. m.Fingerprint.Channels] }, NoiseInputs = [] }));
        var graph = model.Graph;
        graph.Input.Remove(graph.Input.Single(i => i.Name != "image"));
        graph.Input[0].Type.TensorType.Shape.Dim[1].DimValue = 2;
        float[] wide = [.. TinyModel.Mean, .. TinyModel.Mean];
        var mean = graph.Initializer.Single(t => t.Name == "mean");
        mean.Dims[1] = 2;
        mean.RawData = Google.Protobuf.ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes(wide.AsSpan()));
        graph.Node.Clear();
        graph.Initializer.Remove(graph.Initializer.Single(t => t.Name == "sigma"));
        graph.Initializer.Remove(graph.Initializer.Single(t => t.Name.StartsWith("noise", StringComparison.Ordinal)));
        graph.Node.Add(new Inference.Onnx.NodeProto
        {
            OpType = "Conv",
            Input = { "image", "mean", "bias" },
            Output = { "logits" },
            Attribute = { new Inference.Onnx.AttributeProto { Name = "pads", Type = Inference.Onnx.AttributeProto.Types.AttributeType.Ints, Ints = { 1, 1, 1, 1, 1, 1 } } },
        });
        return Google.Protobuf.MessageExtensions.ToByteArray(model);
    }

    private static Volume Volume()
    {
        var random = new Random(5);
        return new(Grid, [.. Enumerable.Range(0, (int)Grid.Size.Count).Select(_ => (float)random.Next(0, 1000))]);
    }

    private void AssertNothingWritten()
    {
        Assert.False(Directory.Exists(Output));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path, "*.part"));
    }

    private static (int ExitCode, string Output, string Error) Infer(params string[] arguments) => BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
}
