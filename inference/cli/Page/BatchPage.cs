using System.Globalization;
using System.Net;
using Credence.InferenceCli.Batch;

namespace Credence.InferenceCli.Page;

/// <summary><c>index.html</c> of a batch: a table of its cases, with a link to the page of each. It needs no network, and is whole without scripts.</summary>
internal static class BatchPage
{
    /// <summary>Name of the page in the output of a batch.</summary>
    public const string File = "index.html";

    private static readonly Column[] Columns =
    [
        new("case", "Case", IsNumeric: false, "text"), new("status", "Status", IsNumeric: true, "text"), new("volume", "Volume, mL", IsNumeric: true), new("lesions", "Lesions", IsNumeric: true),
        new("uncertainty", "Uncertainty", IsNumeric: true), new("samples", "Samples", IsNumeric: true), new("seconds", "Seconds", IsNumeric: true),
    ];

    /// <summary>Writes the page.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="content">What it shows.</param>
    public static void Write(string path, BatchPageContent content)
    {
        var hasWarnings = content.Cases.Any(c => c.HasWarnings);
        var rows = 0;
        PageTemplate.Write(path, "index.html", (name, target) =>
        {
            switch (name)
            {
                case "title": target.Text(Html(content.Title)); break;
                case "style": target.Resource("page.css"); target.Resource("index.css"); break;
                case "script": target.Resource("index.js"); break;
                case "counts": target.Text(Html(Counts(content))); break;
                case "use": target.Text(Html(content.IntendedUse)); break;
                case "completeness": target.Text(Completeness(content)); break;
                case "heads": target.Text(string.Concat(Columns.Select(Head)) + (hasWarnings ? "<th role=\"columnheader\" scope=\"col\" class=\"text remarks\">Warnings</th>" : "")); break;
                case "rows":
                    foreach (var row in content.Rows)
                    {
                        target.Text(Row(row, hasWarnings));
                        rows++;
                    }

                    break;
                case "left-out": target.Text(rows < content.Cases.Count ? $"<p class=\"alert\" id=\"left-out\">These are the {rows} of {content.Cases.Count} cases to look at first; <a href=\"{CaseTable.File}\">{CaseTable.File}</a> has all.</p>" : ""); break;
                case "run": target.Text(string.Concat(content.Run.Select(r => $"<dt>{Html(r.Name)}</dt><dd>{Html(r.Value)}</dd>\n"))); break;
            }
        });
    }

    private static string Head(Column column) =>
        $"<th role=\"columnheader\" scope=\"col\" id=\"head-{column.Id}\" aria-sort=\"none\"{(column.IsNumeric ? " data-numeric" : "")} data-name=\"{Html(column.Title)}\" class=\"{column.Class}\"><button type=\"button\">{Html(column.Title)}</button></th>\n";

    private static string Row(BatchPageCase @case, bool hasWarnings)
    {
        var record = @case.Record;
        var link = @case.Page is null ? Html(record.Case) : $"<a href=\"{Html(@case.Page)}\">{Html(record.Case)}</a>";
        var status = $"<span class=\"status {Style(record)}\">{Html(EvaluationTables.Word(record.Status))}{(record.Warnings is { Count: > 0 } ? ", with warnings" : "")}</span>";
        var start = $"<tr role=\"row\" class=\"{Style(record)}\">" + Cell(0, record.Case, link + (record.Status == CaseStatus.Failed && @case.Page is not null ? " <span class=\"quiet\">(an earlier result)</span>" : "")) + Cell(1, Number(Urgency(record)), status);
        if (record.Status == CaseStatus.Failed)
        {
            return $"{start}<td role=\"cell\" colspan=\"{Columns.Length - 2 + (hasWarnings ? 1 : 0)}\" class=\"text remarks\" data-label=\"Error\">{Html(record.Error ?? "")}</td></tr>\n";
        }

        var classes = record.Classes ?? [];
        string Lines(Func<CaseClass, string> text) => string.Join("<br>", classes.Select(c => (classes.Count > 1 ? $"{Html(c.Name)} " : "") + Html(text(c))));
        string[] cells =
        [
            Cell(2, Number(classes.Sum(c => c.Volume)), Lines(c => c.Describe(Millilitres))),
            Cell(3, Number(classes.Sum(c => c.Lesions)), Lines(c => $"{c.Lesions}{Interval(c.LesionInterval, n => n.ToString("0.#", CultureInfo.InvariantCulture))}")),
            Cell(4, classes.Max(c => c.StructuralUncertainty) is { } most ? Number(most) : "", Lines(c => c.StructuralUncertainty?.ToString("F2", CultureInfo.InvariantCulture) ?? "–")),
            Cell(5, record.Samples is { } samples ? Number(samples) : "", record.Samples?.ToString(CultureInfo.InvariantCulture) ?? ""),
            Cell(6, record.Seconds is { } seconds ? Number(seconds) : "", record.Seconds?.ToString("F1", CultureInfo.InvariantCulture) ?? ""),
        ];
        var warnings = string.Concat((record.Warnings ?? []).Select(text => $"<p>{Html(text)}</p>"));
        return $"{start}{string.Concat(cells)}{(hasWarnings ? $"<td role=\"cell\" class=\"text remarks\" data-label=\"Warnings\">{warnings}</td>" : "")}</tr>\n";
    }

    private static string Cell(int column, string key, string markup) =>
        $"<td role=\"cell\" class=\"{Columns[column].Class}\" data-label=\"{Html(Columns[column].Title)}\" data-key=\"{Html(key)}\">{markup}</td>";

    /// <summary>What was asked for and what is there, as far as it is known.</summary>
    private static string Counts(BatchPageContent content)
    {
        var cases = content.Cases;
        var statuses = cases.GroupBy(c => c.Status).OrderBy(g => g.Key).Select(g => $"{g.Count()} {EvaluationTables.Word(g.Key)}").ToList();
        var warned = cases.Count(c => c.HasWarnings);
        var total = content.Total is { } all && all != cases.Count ? $"{cases.Count} of {all} cases so far" : $"{cases.Count} case{(cases.Count == 1 ? "" : "s")}";
        return total + (statuses.Count == 0 ? "" : $": {string.Join(", ", statuses)}") + (warned == 0 ? "" : $"; {warned} with warnings") + ".";
    }

    /// <summary>Which shards there are, and how much is missing.</summary>
    private static string Completeness(BatchPageContent content)
    {
        List<string> notes = [];
        var missing = content.Total - content.Cases.Count is > 0 and var left ? left : 0;
        if (content.Shards > 1)
        {
            var there = Enumerable.Range(1, content.Shards).Except(content.MissingShards).ToList();
            notes.Add($"Shards of {content.Shards} that have written here: {(there.Count == 0 ? "none" : string.Join(", ", there))}."
                + (content.MissingShards.Count == 0 ? "" : $" Missing: {string.Join(", ", content.MissingShards)}."));
        }

        if (missing > 0)
        {
            notes.Add($"{missing} of {content.Total} cases are not here yet. They are under way, or the run was interrupted: the same command completes it.");
        }

        var style = missing > 0 || content.MissingShards.Count > 0 ? "alert" : "quiet";
        return notes.Count == 0 ? "" : $"<section class=\"{style}\" aria-label=\"Completeness\" id=\"completeness\">{string.Concat(notes.Select(n => $"<p>{Html(n)}</p>"))}</section>";
    }

    /// <summary>The order of the rows: failed cases first, then warnings, then by name.</summary>
    public static IEnumerable<CaseLine> Order(IEnumerable<CaseLine> cases) => cases.OrderBy(c => Urgency(c.Status, c.HasWarnings)).ThenBy(c => c.Case, StringComparer.Ordinal);

    private static int Urgency(CaseRecord record) => Urgency(record.Status, record.Warnings is { Count: > 0 });

    private static int Urgency(CaseStatus status, bool hasWarnings) => (status, hasWarnings) switch
    {
        (CaseStatus.Failed, _) => 0,
        (_, true) => 1,
        (CaseStatus.Done, _) => 2,
        _ => 3,
    };

    private static string Style(CaseRecord record) => Urgency(record) switch
    {
        0 => "failed",
        1 => "warned",
        2 => "done",
        _ => "unchanged",
    };

    private static string Interval(IReadOnlyList<double>? interval, Func<double, string> text) => interval is [var low, var high] ? $" ({text(low)} to {text(high)})" : "";

    /// <summary>Digits as on the page of a case.</summary>
    private static string Millilitres(double volume) => volume.ToString(volume >= 10 ? "F1" : volume >= 1 ? "F2" : "F3", CultureInfo.InvariantCulture);

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Html(string text) => WebUtility.HtmlEncode(text);

    /// <param name="Id">Part of the identifier of its head.</param>
    /// <param name="Title">Its head.</param>
    /// <param name="IsNumeric">Whether its keys are numbers.</param>
    /// <param name="Class">Of its cells.</param>
    private sealed record Column(string Id, string Title, bool IsNumeric, string Class = "");
}

/// <summary>What the page of a batch shows.</summary>
/// <param name="Title">Its heading.</param>
/// <param name="IntendedUse">What the model may be used for.</param>
/// <param name="Cases">All of them, in any order.</param>
/// <param name="Rows">Those that are shown, in the order of <see cref="BatchPage.Order"/>.</param>
/// <param name="Total">How many cases there are to be; null where that is not known.</param>
/// <param name="Shards">Number of processes that share the work.</param>
/// <param name="MissingShards">Those that have written nothing, from 1.</param>
/// <param name="Run">Name and value, in this order.</param>
internal sealed record BatchPageContent(
    string Title, string IntendedUse, IReadOnlyCollection<CaseLine> Cases, IEnumerable<BatchPageCase> Rows, int? Total, int Shards, IReadOnlyList<int> MissingShards, IReadOnlyList<(string Name, string Value)> Run);

/// <summary>A row of the page.</summary>
/// <param name="Record">What became of the case.</param>
/// <param name="Page">Its page, as a link that is relative to the page of the batch; null where there is none.</param>
internal sealed record BatchPageCase(CaseRecord Record, string? Page);
