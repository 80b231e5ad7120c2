using Credence.MedicalIO;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Reports;

/// <summary>Writes <c>report.html</c> of a cross-validation: one page with every network, and how the variance splits.</summary>
internal static class CrossValidationPage
{
    private static readonly string[] Components = ["seed", "fold", "case", "seed x fold", "residual"];

    /// <summary>Writes the page into the folder of the cross-validation.</summary>
    /// <returns>Path of the page.</returns>
    public static string Write(CrossValidationReport report, string folder)
    {
        var options = report.Settings.Options;
        var page = new HtmlPage($"Cross-validation: {options.Folds} folds x {report.Seeds.Count} {(report.Seeds.Count == 1 ? "seed" : "seeds")}");
        page.Section("What was run");
        page.Table("The cross-validation", ["", "value"],
        [
            ["data set", report.Settings.Data],
            ["data hash", report.Settings.DataHash],
            ["test set", report.TestSet],
            ["networks", $"{report.Results.Count}, each judged on the cases of its fold, {(options.Posterior == Models.Posterior.Plain ? "one pass a case" : $"{report.Settings.Samples} samples a case")}"],
            ["weights", $"{options.Posterior}"],
            ["loss", $"{options.Loss}"],
            ["seeds", string.Join(", ", report.Seeds)],
            ["program", report.Program],
        ]);

        page.Section("Networks");
        page.Paragraph("Mean over the cases of the fold of the mean Dice over classes. Each figure leads to the files of its network.");
        page.LinkedTable("Dice by seed and fold", ["seed", .. Enumerable.Range(0, options.Folds).Select(f => $"fold {f}")],
        [
            .. report.Seeds.Select(seed => (IReadOnlyList<(string, string?)>)
            [
                ($"{seed}", null),
                .. Enumerable.Range(0, options.Folds).Select(fold => Cell(report.Results.FirstOrDefault(r => r.Seed == seed && r.Fold == fold), folder)),
            ]),
        ]);

        page.Section("Metrics");
        page.Paragraph("Over patients, each case averaged over the seeds first; intervals are 95 %. Standard deviations by source say how much a single value changes with the seed, the fold, the case, and what is left; a dash cannot be told apart with these seeds and folds. Undefined are single values, such as a distance in a case without a lesion: they are in no figure, and a case is averaged over the seeds that have a value.");
        page.Table("Mean and sources of variance", ["metric", "patients", "undefined", "mean", "sd", "95 % interval", .. Components.Select(c => $"sd {c}")], report.Metrics.Select(m => (IReadOnlyList<string>)
        [
            m.Summary.Metric, $"{m.Summary.Patients}", m.Undefined, ReportNumber.Of(m.Summary.Mean), ReportNumber.Of(m.Summary.StandardDeviation), EvaluateCommand.Number(m.Summary.Interval),
            .. Components.Select(name => ReportNumber.Of(m.Variance?.Components.FirstOrDefault(c => c.Name == name)?.StandardDeviation)),
        ]));

        if (report.UndefinedMetrics.Count > 0)
        {
            page.Paragraph($"Undefined in every case: {string.Join(", ", report.UndefinedMetrics)}.");
        }

        var path = Path.Combine(folder, RunReport.FileName);
        OutputFile.WriteText(path, page.ToString());
        return path;
    }

    /// <summary>A network with a page of its own leads to it, another one to its evaluation.</summary>
    private static (string Text, string? File) Cell(FoldResult? result, string folder)
    {
        if (result is null)
        {
            return ("-", null);
        }

        var run = new CrossValidationJob(result.Seed, result.Fold).Name;
        return (ReportNumber.Of(result.Cases.Average(c => c.Value("dice"))), $"{run}/{(File.Exists(Path.Combine(folder, run, RunReport.FileName)) ? RunReport.FileName : EvaluationReport.FileName)}");
    }
}
