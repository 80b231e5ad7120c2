using Credence.Inference.Metrics;

namespace Credence.Trainer.Reports;

/// <summary>Whether the uncertainty finds the errors.</summary>
internal static class RetentionSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run, ValidationFindings findings)
    {
        page.Section("Retention");
        page.Paragraph("Normalised Dice when the most uncertain voxels (predictive entropy) are handed to an expert and the given share is kept. Ideal: every error is more uncertain than every correct voxel. Random: the uncertainty knows nothing.");
        foreach (var (@class, index) in run.Foreground.Select((c, n) => (c, n)))
        {
            var cases = findings.Cases.Select(c => c.Classes[index]).Where(c => !c.Overlap.IsEmpty).ToList();
            if (cases.Count == 0)
            {
                page.Paragraph($"No case has {@class.Name} in reference or prediction, so there is no retention curve of it.");
                continue;
            }

            PlotSeries Mean(string name, int style, Func<ClassEvaluation, RetentionCurve?> curve) => new(
                name, [.. RetentionCurve.ShiftsFractions.Select((f, n) => (f, (double?)cases.Average(c => curve(c)!.Scores[n])))], PlotStyle.Of(style));
            string Area(string metric) => ReportNumber.Of(findings.Summary($"{@class.Name}/{metric}"));
            page.Plots(
            [
                (new()
                {
                    Title = $"nDSC retention{run.Suffix(@class)}",
                    XLabel = "share of voxels kept",
                    YLabel = "normalised Dice",
                    XRange = (0, 1.02),
                    Series = [Mean("predictive entropy", 0, c => c.VoxelRetention), Mean("ideal", 2, c => c.IdealRetention), Mean("random", 1, c => c.RandomRetention)],
                },
                $"Mean over {cases.Count} {(cases.Count == 1 ? "case" : "cases")}. Area, mean over patients with 95 % interval: {Area("ndsc-retention-area")}; ideal {Area("ndsc-retention-area-ideal")}; random {Area("ndsc-retention-area-random")}. R-AUC (above the curve, lower is better): {Area("ndsc-r-auc")}. By lesions, area under F1: {Area("lesion-f1-retention-area")}."),
            ]);
        }
    }
}
