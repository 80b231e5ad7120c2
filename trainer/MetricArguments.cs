using System.CommandLine;
using Credence.Inference;
using Credence.Inference.Metrics;

namespace Credence.Trainer;

/// <summary>The command-line options that say by which rules metrics are computed, for the commands that judge networks; the same as those of <c>credence-infer evaluate</c>.</summary>
internal sealed class MetricArguments
{
    private static readonly EvaluationOptions Defaults = new();

    private readonly Option<MatchingRule> matching = FitOptions.Kind("--matching", "How lesions are matched (docs/reference/metrics.md)", Defaults.Lesions.Matching);
    private readonly Option<int?> connectivity = FitOptions.Within(
        new Option<int?>("--connectivity") { Description = "Neighbours that make one lesion: 6, 18 or 26; that of the matching rule by default." }, v => v is { } n && Enum.IsDefined((Connectivity)n), "6, 18 or 26");

    private readonly Option<double?> threshold = FitOptions.Within(
        new Option<double?>("--lesion-iou") { Description = "IoU from which lesions match; that of the matching rule by default." }, v => v is > 0 and <= 1, "a number above 0 and at most 1");

    private readonly Option<double> tolerance = FitOptions.Within(
        new Option<double>("--tolerance") { Description = "Tolerance of the normalised surface Dice, mm.", DefaultValueFactory = _ => Defaults.SurfaceTolerance }, v => v >= 0 && double.IsFinite(v), "millimetres from 0");

    private readonly Option<EmptyCasePolicy> empty = FitOptions.Kind("--empty", "What 0 / 0 is worth, undefined being left out", Defaults.EmptyCases);

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { matching, connectivity, threshold, tolerance, empty })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The rules; null where none differs from the default.</summary>
    public EvaluationOptions? Read(ParseResult parse)
    {
        var rule = LesionRule.Of(parse.GetValue(matching));
        var rules = Defaults with
        {
            Lesions = rule with { Connectivity = (Connectivity?)parse.GetValue(connectivity) ?? rule.Connectivity, Threshold = parse.GetValue(threshold) ?? rule.Threshold },
            SurfaceTolerance = parse.GetValue(tolerance),
            EmptyCases = parse.GetValue(empty),
        };
        return rules == Defaults ? null : rules;
    }
}
