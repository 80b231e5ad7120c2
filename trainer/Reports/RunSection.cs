using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Reports;

/// <summary>What was run: data, objective, plan with its reasons, options.</summary>
internal static class RunSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run, ValidationFindings? findings)
    {
        var (provenance, last) = (run.Manifest.Provenance, run.Epochs[^1]);
        page.Section("What was run");
        page.Table("The run", ["", "value"],
        [
            ["data set", $"{run.Plan.Name}, {run.Dataset.Folder}"],
            ["data hash", provenance.DataHash],
            ["cases", $"{run.Split.Training.Count} train, {run.Split.Validation.Count} validate; {run.Split.Rule}"],
            ["test set", new TestLock(run.TestLock ?? TestLock.Beside(run.Dataset.Folder)).Describe()],
            ["classes", string.Join(", ", run.Plan.Classes.Select(c => $"{c.Label} {c.Name}"))],
            ["channels", string.Join(", ", run.Plan.Channels.Select(c => c.Name))],
            ["weights", $"{run.Options.Posterior}"],
            ["objective", provenance.Objective],
            ["parameters", run.Resources.Lines[0]],
            ["seed", $"{provenance.Seed}"],
            ["length", $"{run.Epochs.Count} epochs, {ReportNumber.Of(last.Step)} steps, {last.Seconds.ToString("N0", CultureInfo.InvariantCulture)} s"],
            ["best epoch", $"{run.Best.Epoch + 1}, chosen by {run.Options.Select} on the validation cases: their figures below are a little too good"],
            ["trained", $"{provenance.TrainedAt} (best weights) by {provenance.TrainedBy}"],
            ["evaluated", findings is null ? "not: no validation case" : $"{(run.Options.Posterior == Models.Posterior.Plain ? "one pass a case" : $"{findings.Report.Samples} samples a case, seed {findings.Report.Seed}")}, by {RunEvaluation.Program}"],
        ]);

        var plan = JsonSerializer.SerializeToNode(run.Plan with { Reasons = new Dictionary<string, string>() }, TrainerJson.Indented)!.AsObject();
        page.Table("The plan, and why", ["", "value", "reason"], plan.Where(p => p.Key is not ("name" or "channels" or "classes" or "reasons"))
            .Select(p => new[] { p.Key, Words(p.Value), run.Plan.Reasons.GetValueOrDefault(p.Key, "-") })
            .Concat(run.Plan.Reasons.Where(r => !plan.ContainsKey(r.Key)).Select(r => new[] { r.Key, "", r.Value })));
        page.FoldedTable("All options", ["option", "value"], Flatten("", JsonSerializer.SerializeToNode(run.Options, TrainerJson.Indented)));
    }

    /// <summary>A value for people: six digits, no brackets.</summary>
    private static string Words(JsonNode? node) => node switch
    {
        JsonObject inner => string.Join(", ", inner.Select(p => $"{p.Key} {Words(p.Value)}")),
        JsonArray { Count: > 0 } list when list[0] is JsonArray => string.Join("; ", list.Select(Words)),
        JsonArray list => string.Join(" x ", list.Select(Words)),
        JsonValue value when value.TryGetValue<double>(out var number) => number.ToString("G6", CultureInfo.InvariantCulture),
        _ => Exact(node),
    };

    private static string Exact(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : node?.ToJsonString(TrainerJson.Lines) ?? "-";

    private static IEnumerable<IReadOnlyList<string>> Flatten(string name, JsonNode? node) => node is JsonObject inner
        ? inner.SelectMany(p => Flatten(name.Length == 0 ? p.Key : $"{name}.{p.Key}", p.Value))
        : [[name, Exact(node)]];
}
