using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed partial class CaseEvaluationTests
{
    public static TheoryData<string> Names => [.. Cases().Select(c => c.GetProperty("name").GetString()!)];

    /// <summary>Oracle: scipy.ndimage, scikit-learn and NumPy by Golden/make_metrics.py.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Every_value_is_that_of_scipy_and_scikit_learn(string name)
    {
        var golden = Cases().Single(c => c.GetProperty("name").GetString() == name);
        var evaluation = CaseEvaluation.Evaluate(Case(golden), Options(golden));

        var expected = golden.GetProperty("values").EnumerateObject().ToDictionary(v => v.Name, v => v.Value.ValueKind == JsonValueKind.Null ? null : (double?)v.Value.GetDouble());
        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), evaluation.Values.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, value =>
        {
            var found = evaluation.Values[value.Key];
            Assert.True(
                value.Value is null ? found is null : found is not null && Math.Abs(value.Value.Value - found.Value) <= 1e-9 * Math.Max(1, Math.Abs(value.Value.Value)),
                $"{value.Key}: expected {value.Value}, found {found}");
        });
    }

    [Fact]
    public void The_reference_page_lists_every_name()
    {
        var page = File.ReadAllText(RepositoryRoot.File("docs/reference/metrics.md"));
        var table = page[page.IndexOf("## Names", StringComparison.Ordinal)..page.IndexOf("## Rules", StringComparison.Ordinal)];
        var listed = Quoted().Matches(table).Select(m => m.Groups[1].Value).ToHashSet();

        foreach (var name in Cases().SelectMany(c => c.GetProperty("values").EnumerateObject()).Select(v => v.Name).Distinct())
        {
            var metric = name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..];
            metric = metric.EndsWith("-near", StringComparison.Ordinal) ? metric[..^"-near".Length] : metric;
            metric = metric.Split('@') is [var lesion, var size] && listed.Contains("@" + size) ? lesion : metric;
            Assert.True(listed.Contains(metric) || listed.Contains("all/" + metric), $"docs/reference/metrics.md lists no {name}");
        }
    }

    [Fact]
    public void Labels_present_in_either_map_are_the_classes_when_none_are_given()
    {
        var geometry = new VolumeGeometry(new(4, 1, 1), Affine.Identity);
        var evaluation = CaseEvaluation.Evaluate(new() { Name = "a", Reference = new(geometry, [0, 1, 1, 0]), Prediction = new(geometry, [0, 1, 7, 0]) });

        Assert.Equal(["label-1", "label-7"], evaluation.Classes.Select(c => c.Class.Name));
    }

    [Fact]
    public void Wrong_arguments_are_refused_in_words()
    {
        var geometry = new VolumeGeometry(new(2, 1, 1), Affine.Identity);
        var @case = new EvaluationCase { Name = "a", Reference = new(geometry, [0, 1]), Prediction = new(geometry, [0, 1]) };

        Assert.Equal("Case a: the uncertainty has 1 x 1 x 1 voxels but the reference 2 x 1 x 1. (Parameter 'Reference')", Message(
            @case with { Uncertainty = new(new(new(1, 1, 1), Affine.Identity), [0]) }, new()));
        Assert.Equal("Lesion sizes 10, 5 do not rise from above 0. (Parameter 'LesionSizes')", Message(@case, new() { LesionSizes = [10, 5] }));
        Assert.Equal("Classes are foreground, so with a label above 0, and have one name each. (Parameter 'Classes')", Message(@case, new() { Classes = [new(0, "background")] }));
        Assert.StartsWith("The IoU threshold of lesion matching lies in (0, 1].", Message(
            @case, new() { Lesions = LesionRule.Of(MatchingRule.Shifts) with { Threshold = 0 } }), StringComparison.Ordinal);

        static string Message(EvaluationCase @case, EvaluationOptions options) => Assert.ThrowsAny<ArgumentException>(() => CaseEvaluation.Evaluate(@case, options)).Message;
    }

    private static List<JsonElement> Cases()
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", "metrics.json")));
        return [.. document.RootElement.Clone().EnumerateArray()];
    }

    private static EvaluationOptions Options(JsonElement golden) => new()
    {
        Classes = [.. golden.GetProperty("classes").EnumerateArray().Select(c => new ClassDescription(c[0].GetByte(), c[1].GetString()!))],
        EmptyCases = Enum.Parse<EmptyCasePolicy>(golden.GetProperty("policy").GetString()!, ignoreCase: true),
        Lesions = new(
            Enum.Parse<MatchingRule>(golden.GetProperty("matching").GetString()!.Replace("-", "", StringComparison.Ordinal), ignoreCase: true),
            (Connectivity)golden.GetProperty("connectivity").GetInt32(), golden.GetProperty("threshold").GetDouble()),
    };

    private static EvaluationCase Case(JsonElement golden)
    {
        var size = golden.GetProperty("size");
        var spacing = golden.GetProperty("spacing");
        var geometry = new VolumeGeometry(
            new(size[0].GetInt32(), size[1].GetInt32(), size[2].GetInt32()), Affine.Scaling(new(spacing[0].GetDouble(), spacing[1].GetDouble(), spacing[2].GetDouble())));
        return new()
        {
            Name = golden.GetProperty("name").GetString()!,
            Reference = Labels("reference")!,
            Prediction = Labels("prediction")!,
            Region = Labels("region"),
            Probabilities = golden.GetProperty("probabilities").EnumerateObject().ToDictionary(
                p => byte.Parse(p.Name, System.Globalization.CultureInfo.InvariantCulture), p => new Volume(geometry, [.. p.Value.EnumerateArray().Select(v => v.GetInt32() / 256f)])),
            Uncertainty = golden.GetProperty("uncertainty") is { ValueKind: JsonValueKind.Array } map ? new(geometry, [.. map.EnumerateArray().Select(v => v.GetInt32() / 8f)]) : null,
        };

        LabelMap? Labels(string name) => golden.GetProperty(name).GetString() is { } digits ? new(geometry, [.. digits.Select(c => (byte)(c - '0'))]) : null;
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
