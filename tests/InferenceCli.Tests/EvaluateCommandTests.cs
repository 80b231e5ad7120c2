using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests;

/// <summary>credence-infer evaluate as a user runs it.</summary>
public sealed partial class EvaluateCommandTests : IDisposable
{
    private static readonly VolumeGeometry Grid = new(new(12, 10, 8), Affine.Scaling(new(1, 1, 2)));

    private readonly TemporaryFolder folder = new();

    public EvaluateCommandTests()
    {
        foreach (var name in new[] { "reference", "prediction" })
        {
            Directory.CreateDirectory(folder.File(name));
        }
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Flat_label_files_are_matched_by_name_and_written_as_json_and_csv()
    {
        Write("reference/a.nii.gz", Box(2, 6));
        Write("prediction/a.nii.gz", Box(2, 6));
        Write("reference/b, \"left\".nii.gz", Box(2, 6)); // a name that CSV must quote
        Write("prediction/b, \"left\".nii", Box(4, 8));

        var (code, output, error) = Evaluate("--output", folder.File("out"));

        Assert.Equal((0, ""), (code, error));
        Assert.Matches(@"(?m)^label-1/dice +0\.7500 +0\.5000 to 1\.0000 +0\.7500 +0\.3536 +2 +0\s*$", output);
        Assert.EndsWith("lesions: 26 neighbours, one-to-one matching from IoU 0.5; surface tolerance 1 mm; empty cases: undefined\n", output, StringComparison.Ordinal);
        Assert.Equal(
            ["cases.csv", "evaluation.json", "lesions.csv", "summary.csv"], Directory.GetFiles(folder.File("out")).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        var cases = Csv("out/cases.csv");
        Assert.Equal(["case", "empty-cases", "label-1/dice"], cases[0].Take(3));
        Assert.Equal(["a", "undefined", "1"], cases[1].Take(3));
        Assert.Equal(["b, \"left\"", "undefined", "0.5"], cases[2].Take(3));
        Assert.All(cases, row => Assert.Equal(cases[0].Count, row.Count));
        Assert.Equal(["label-1/dice", "2", "0", "0", "undefined", "0.75", "0.75"], Csv("out/summary.csv")[1].Take(7));
        var lesions = Csv("out/lesions.csv");
        Assert.Equal(["a", "label-1", "prediction", "1", "128", "256", "true-positive", "1", "1", "1", ""], lesions[1]);
        Assert.Equal(5, lesions.Count);

        using var report = JsonDocument.Parse(File.ReadAllBytes(folder.File("out/evaluation.json")));
        Assert.Equal(0.5, report.RootElement.GetProperty("cases")[1].GetProperty("values").GetProperty("label-1/dice").GetDouble());
        Assert.Equal("undefined", report.RootElement.GetProperty("settings").GetProperty("emptyCases").GetString());
    }

    /// <summary>The true volume is 128 voxels of 2 mm3: 0.256 mL.</summary>
    [Theory]
    [InlineData("""{"label": 7, "name": "lesion", "volumeInterval": [0.2, 0.256], "sampleVolumeInterval": [0.3, 0.4]}""", 1.0, 0.0)]
    [InlineData("""{"label": 7, "name": "lesion", "volumeInterval": null, "sampleVolumeInterval": [0.2, 0.4]}""", null, 1.0)]
    [InlineData("""{"label": 7, "name": "lesion"}""", null, null)]
    [InlineData("""{"label": 7, "name": "lesion", "volumeInterval": ["a", "b"]}""", "classes that cannot be read", null)]
    public void The_intervals_in_the_report_of_a_case_hold_the_true_volume_or_do_not(string @class, object? calibrated, double? ofSamples)
    {
        Directory.CreateDirectory(folder.File("prediction/a"));
        Write("reference/a.nii.gz", Box(2, 6, label: 7));
        Write("prediction/a/segmentation.nii.gz", Box(2, 6, label: 7));
        File.WriteAllText(folder.File("prediction/a/report.json"), $$"""{"classes": [{{@class}}]}""");

        var (_, output, error) = Evaluate("--json");

        if (calibrated is string fault)
        {
            Assert.Contains($"report.json: {fault}; expected the report of credence-infer predict. Predict the case again, or remove the report.", error, StringComparison.Ordinal);
            return;
        }

        using var report = JsonDocument.Parse(output);
        var values = report.RootElement.GetProperty("cases")[0].GetProperty("values");
        double? Value(string metric) => values.TryGetProperty(metric, out var value) ? value.GetDouble() : null;
        Assert.Equal(((double?)calibrated, ofSamples), (Value("lesion/volume-in-interval"), Value("lesion/volume-in-sample-interval")));
    }

    [Fact]
    public void A_prediction_with_its_maps_is_evaluated_with_calibration_and_retention()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        var random = new Random(5);
        NiftiFile.Write(folder.File("scan.nii.gz"), new Volume(Grid, [.. Enumerable.Range(0, (int)Grid.Size.Count).Select(_ => (float)random.Next(0, 1000))]));
        Assert.Equal(0, BuiltProgram.Run("InferenceCli", "credence-infer", "predict", folder.File("scan.nii.gz"), "--model", folder.File("tiny.onnx"), "--output", folder.File("prediction/p1_0000"), "--samples", "3").ExitCode);
        Directory.CreateDirectory(folder.File("reference/p1"));
        Write("reference/p1/lesion.nii.gz", Box(2, 6, label: 7));
        Directory.CreateDirectory(folder.File("brain"));
        Write("brain/p1.nii.gz", Box(0, 9));

        var (code, output, error) = Evaluate("--mask", "lesion.nii.gz", "--uncertainty", "mutual-information", "--region", folder.File("brain"), "--json");

        Assert.Equal((0, ""), (code, error));
        using var report = JsonDocument.Parse(output);
        var values = report.RootElement.GetProperty("cases")[0].GetProperty("values");
        foreach (var name in new[] { "lesion/dice", "lesion/ndsc-region", "lesion/nll-near", "lesion/ece", "lesion/ndsc-r-auc", "all/error-auroc" })
        {
            Assert.Equal(JsonValueKind.Number, values.GetProperty(name).ValueKind);
        }

        var details = report.RootElement.GetProperty("cases")[0].GetProperty("classes")[0];
        Assert.Equal(9 * 8 * 4, details.GetProperty("reliability").EnumerateArray().Sum(b => b.GetProperty("count").GetInt32())); // the region
        Assert.Equal(200, details.GetProperty("voxelRetention").GetArrayLength());
    }

    [Fact]
    public void One_bad_case_does_not_stop_the_rest_and_missing_counterparts_are_named()
    {
        Write("reference/good.nii.gz", Box(2, 6));
        Write("prediction/good.nii.gz", Box(2, 6));
        Write("reference/other-grid.nii.gz", Box(2, 6));
        NiftiFile.Write(folder.File("prediction/other-grid.nii.gz"), new LabelMap(new(new(3, 2, 1), Affine.Identity), new byte[6]));
        Write("reference/broken.nii.gz", Box(2, 6));
        File.WriteAllText(folder.File("prediction/broken.nii.gz"), "no image");
        Write("reference/lost.nii.gz", Box(2, 6));
        Write("prediction/extra.nii.gz", Box(2, 6));

        var (code, output, error) = Evaluate("--output", folder.File("out"));

        Assert.Equal(5, code);
        Assert.Matches("(?m)^label-1/dice +1.0000 ", output);
        Assert.Collection(
            error.TrimEnd('\n').Split('\n'),
            line => Assert.Matches(@"^error: broken: .*broken\.nii\.gz: .*; expected .*\. .*$", line),
            line => Assert.Matches(@"^error: lost: .*prediction: no case lost; expected lost/segmentation\.nii\.gz or lost\.nii\.gz\. Predict it, or remove its reference .*lost\.nii\.gz\.$", line),
            line => Assert.Matches(@"^error: other-grid: .*: a grid of 3 x 2 x 1 voxels; expected the grid of the reference, 12 x 10 x 8 voxels\. Evaluate on the grid", line),
            line => Assert.Matches(@"^note: extra: no reference in .*reference; left out\.$", line));
        Assert.Equal(2, Csv("out/cases.csv").Count);
    }

    /// <summary>A mask of 0 and 255 used to be an empty reference: a Dice of 0, and exit code 0.</summary>
    [Fact]
    public void A_reference_with_other_labels_than_the_model_fails_and_one_with_more_is_warned_of()
    {
        foreach (var (name, label) in new[] { ("a", (byte)255), ("b", (byte)7) })
        {
            Write($"reference/{name}.nii.gz", Box(2, 6, label));
            Directory.CreateDirectory(folder.File($"prediction/{name}"));
            Write($"prediction/{name}/segmentation.nii.gz", Box(2, 6, label: 7));
            File.WriteAllText(folder.File($"prediction/{name}/report.json"), """{"classes": [{"label": 7, "name": "lesion"}]}""");
        }

        var more = Box(2, 6, label: 7);
        (more[0], more[1]) = (3, 9);
        Write("reference/b.nii.gz", more);
        var (code, output, error) = Evaluate();
        Assert.Equal(5, code);
        Assert.Matches("(?m)^lesion/dice +1.0000 ", output);
        Assert.Collection(
            error.TrimEnd('\n').Split('\n'),
            line => Assert.Matches(@"^warning: b: .*b\.nii\.gz has labels 3, 9 beside those of the classes, 7 \(lesion\); they count as background\.$", line),
            line => Assert.Matches(@"^error: a: .*a\.nii\.gz: label 255; expected the labels of the predictions, 7 \(lesion\), and 0\. Give the reference the labels of the model\.$", line));

        File.WriteAllText(folder.File("prediction/b/report.json"), """{"classes": [{"label": 1, "name": "lesion"}]}""");
        (code, _, error) = Evaluate();
        Assert.Equal(3, code);
        Assert.Matches(@"^error: .*b/report\.json: the classes 1 \(lesion\); expected 7 \(lesion\), as in .*a/report\.json\. Evaluate the cases of each model on their own\.", error);
    }

    [Fact]
    public void The_rules_are_chosen_on_the_command_line()
    {
        Write("reference/a.nii.gz", new byte[Grid.Size.Count]);
        Write("prediction/a.nii.gz", new byte[Grid.Size.Count]);

        var (code, output, _) = Evaluate("--matching", "shifts", "--lesion-iou", "0.5", "--connectivity", "18", "--empty", "one", "--tolerance", "2.5", "--threads", "1", "--json");

        Assert.Equal(0, code);
        using var report = JsonDocument.Parse(output);
        var settings = report.RootElement.GetProperty("settings");
        Assert.Equal(
            ("shifts", 18, 0.5, "one", 2.5),
            (settings.GetProperty("matching").GetString(), settings.GetProperty("connectivity").GetInt32(), settings.GetProperty("lesionThreshold").GetDouble(),
                settings.GetProperty("emptyCases").GetString(), settings.GetProperty("surfaceToleranceMm").GetDouble()));
        Assert.Equal(1, report.RootElement.GetProperty("cases")[0].GetProperty("values").GetProperty("label-1/dice").GetDouble());
        Assert.Equal(("one", 1), (report.RootElement.GetProperty("summary")[0].GetProperty("policy").GetString(), report.RootElement.GetProperty("summary")[0].GetProperty("emptyCases").GetInt32()));
    }

    [Theory]
    [InlineData(2, "--connectivity is not a number of neighbours; give 6, 18 or 26.", "--connectivity", "8")]
    [InlineData(2, "--lesion-iou is out of range; give a number above 0 and at most 1.", "--lesion-iou", "0")]
    [InlineData(2, "--tolerance is out of range; give millimetres from 0.", "--tolerance", "-1")]
    [InlineData(2, "Argument 'dice' not recognized.", "--matching", "dice")]
    [InlineData(3, "reference: no label file; expected <case>.nii.gz files, or <case>/segmentation.nii.gz. Check the path, or name the file with --mask.")]
    public void Misuse_is_refused_in_words(int expected, string message, params string[] options)
    {
        var (code, _, error) = Evaluate(options);

        Assert.Equal(expected, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_without_a_common_case_are_refused()
    {
        Write("reference/a.nii.gz", Box(2, 6));
        Write("prediction/b.nii.gz", Box(2, 6));

        var (code, _, error) = Evaluate("--output", folder.File("out"));

        Assert.Equal(3, code);
        Assert.Matches(@"^error: .*prediction: none of the 1 cases of .*reference; expected cases of the same names\. Compare the names in the two folders\.\n$", error);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    private (int ExitCode, string Output, string Error) Evaluate(params string[] options) => BuiltProgram.Run(
        "InferenceCli", "credence-infer", ["evaluate", "--reference", folder.File("reference"), "--prediction", folder.File("prediction"), .. options]);

    private void Write(string name, byte[] labels) => NiftiFile.Write(folder.File(name), new LabelMap(Grid, labels));

    /// <summary>A box of 8 x 4 voxels in a slice, from one column to before another.</summary>
    private static byte[] Box(int from, int to, byte label = 1)
    {
        var labels = new byte[Grid.Size.Count];
        for (var v = 0; v < labels.Length; v++)
        {
            var (i, j, k) = Grid.IndexOf(v);
            labels[v] = i >= from && i < to && j < 8 && k < 4 ? label : (byte)0;
        }

        return labels;
    }

    /// <summary>Rows of an RFC 4180 file.</summary>
    private List<List<string>> Csv(string name)
    {
        var text = File.ReadAllText(folder.File(name));
        Assert.EndsWith("\r\n", text, StringComparison.Ordinal);
        return [.. text[..^2].Split("\r\n").Select(line => Field().Matches("," + line).Select(m => m.Groups[1].Success ? m.Groups[1].Value.Replace("\"\"", "\"", StringComparison.Ordinal) : m.Groups[2].Value).ToList())];
    }

    [GeneratedRegex(",(?:\"((?:[^\"]|\"\")*)\"|([^,]*))")]
    private static partial Regex Field();
}
