using Credence.Inference.Model;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Reports;

/// <summary>How every validation case came out.</summary>
internal static class CaseSection
{
    private static readonly (string Metric, string Words)[] Summaries =
    [
        ("dice", "Dice"), ("ndsc", "normalised Dice"), ("hd95-mm", "HD95, mm"), ("lesion-f1", "lesion F1"), ("absolute-volume-difference-ml", "absolute volume difference, mL"),
        ("nll", "NLL, nats per voxel"), ("nll-near", "NLL near lesions"), ("ece", "ECE"), ("ece-near", "ECE near lesions"), ("ndsc-r-auc", "nDSC R-AUC"),
    ];

    private static readonly (string Metric, string Words)[] Columns =
        [("dice", "Dice"), ("ndsc", "nDSC"), ("lesion-f1", "lesion F1"), ("reference-volume-ml", "reference mL"), ("prediction-volume-ml", "predicted mL")];

    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run, ValidationFindings findings)
    {
        page.Section("Validation cases");
        page.Paragraph("By the code of deployment, on the grid of each scan. Intervals are 95 %, of the mean over patients (bootstrap); they say nothing about other seeds or folds. A dash is undefined, such as Dice where reference and prediction are both empty.");
        foreach (var @class in run.Foreground)
        {
            WriteClass(page, findings, @class, run.Suffix(@class));
        }

        if (run.Foreground.All(c => findings.Summary($"{c.Name}/reference-volume-ml") is null or { Mean: 0 }))
        {
            page.Paragraph("No validation case has a lesion in its reference: only false positives can be judged.");
        }

        page.Table("Every case, the lowest Dice first",
            ["case", "patient", .. run.Foreground.SelectMany(c => Columns.Select(m => run.Foreground.Count > 1 ? $"{c.Name}: {m.Words}" : m.Words))],
            findings.Report.Cases.OrderBy(c => c.Value("dice") ?? double.PositiveInfinity).ThenBy(c => c.Id, StringComparer.Ordinal).Select(c => (IReadOnlyList<string>)
            [
                c.Id, c.Patient,
                .. run.Foreground.SelectMany(k => Columns.Select(m => ReportNumber.Of(c.Values.GetValueOrDefault($"{k.Name}/{m.Metric}")))),
            ]));
    }

    private static void WriteClass(HtmlPage page, ValidationFindings findings, ClassDescription @class, string suffix)
    {
        var dice = findings.Report.Cases.Select(c => c.Values.GetValueOrDefault($"{@class.Name}/dice")).OfType<double>().Order().ToList();
        var summary = findings.Summary($"{@class.Name}/dice");
        if (summary is null)
        {
            page.Paragraph($"No case has {@class.Name} in reference or prediction, so its Dice is undefined.");
        }
        else
        {
            page.Plots(
            [
                (new()
                {
                    Title = $"Dice of every case{suffix}",
                    XLabel = "case, by rising Dice",
                    YLabel = "Dice",
                    IsDots = true,
                    YRange = (-0.03, 1.03),
                    Level = summary.Mean,
                    Band = summary.Interval is { } i ? (i.Low, i.High) : null,
                    Series = [PlotSeries.Of("Dice", 0, dice.Select(d => (double?)d))],
                }, $"Mean over {summary.Patients} patients (dotted) and its 95 % interval (band): {ReportNumber.Of(summary)}."),
            ]);
        }

        page.Table($"Summary over patients{suffix}", ["metric", "patients", "mean", "sd", "95 % interval"],
            Summaries.Select(m => (m.Words, Summary: findings.Summary($"{@class.Name}/{m.Metric}"))).Where(m => m.Summary is not null)
                .Select(m => (IReadOnlyList<string>)[m.Words, $"{m.Summary!.Patients}", ReportNumber.Of(m.Summary.Mean), ReportNumber.Of(m.Summary.StandardDeviation), EvaluateCommand.Number(m.Summary.Interval)]));
    }
}
