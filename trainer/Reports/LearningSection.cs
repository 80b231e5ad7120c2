using Credence.Trainer.Training;

namespace Credence.Trainer.Reports;

/// <summary>How training went, epoch by epoch.</summary>
internal static class LearningSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run)
    {
        var (first, best, last) = (run.Epochs[0], run.Best, run.Epochs[^1]);
        LinePlot Plot(string title, string unit, params PlotSeries[] series) => new() { Title = title, XLabel = "epoch", YLabel = unit, Series = series };
        PlotSeries Line(string name, int style, Func<EpochReport, double?> value) => PlotSeries.Of(name, style, run.Epochs.Select(value));
        string Figures(Func<EpochReport, double?> value) => $"Epoch 1: {ReportNumber.Of(value(first))}; best epoch ({best.Epoch + 1}): {ReportNumber.Of(value(best))}; last ({last.Epoch + 1}): {ReportNumber.Of(value(last))}.";
        double?[] likelihoods = [.. run.Steps.GroupBy(s => s.Epoch).OrderBy(e => e.Key).Select(e => (double?)e.Average(s => s.NegativeLogLikelihood))];
        var hasValidation = run.Split.Validation.Count > 0;

        page.Section("Learning curves");
        var plots = new List<(LinePlot, string)>
        {
            (Plot("Training loss", "loss, unit of the objective", Line("loss", 0, e => e.TrainingLoss)), Figures(e => e.TrainingLoss)),
            (Plot("Negative log-likelihood", "nats per voxel", [PlotSeries.Of("training patches", 0, likelihoods), .. hasValidation ? [Line("validation cases", 1, e => e.ValidationNegativeLogLikelihood)] : Array.Empty<PlotSeries>()]) with { IsLogarithmic = true },
                $"{(run.Options.ForegroundProbability > 0 ? "Training patches are chosen to hold lesions, so their" : "Training patches are cut and varied at random, so their")} level differs from that of whole validation cases; compare directions. {(hasValidation ? "Validation. " + Figures(e => e.ValidationNegativeLogLikelihood) : "")}"),
        };
        if (hasValidation)
        {
            plots.Add((Plot("Validation Dice", "Dice, mean over cases", [.. run.Foreground.Select((c, n) => Line(c.Name, n, e => e.DiceByClass[n]))]) with { YRange = (0, 1) },
                $"With the posterior mean. Mean over classes. {Figures(e => e.ValidationDice)}"));
        }

        plots.Add((new()
        {
            Title = "Learning rate",
            XLabel = "step",
            YLabel = "learning rate",
            Series = [PlotSeries.OfMeans("learning rate", 0, [.. run.Steps.Select(s => (double?)s.LearningRate)])],
        }, $"Largest: {ReportNumber.Of(run.Steps.Max(s => s.LearningRate))}."));
        if (RecencyGap.Of(run.Epochs) is { } gap)
        {
            plots.Add((Plot("First-seen against last-seen loss", "loss of the data term, mean per voxel", Line("seen first in the epoch", 0, e => e.FirstSeenLoss), Line("seen last", 1, e => e.LastSeenLoss)),
                $"Both measured at the end of the epoch. Mean gap {ReportNumber.Of(gap.Mean)}, standard error {ReportNumber.Of(gap.StandardError)} over {gap.Epochs} epochs. Large is: {RecencyGap.Rule}."));
        }

        page.Plots(plots.Where(p => !p.Item1.IsEmpty));
        if (!hasValidation)
        {
            page.Paragraph("The run has no validation case, so there is no validation curve.");
        }

        page.FoldedTable("All epochs", ["epoch", "step", "training loss", "validation NLL", "validation Dice", .. run.Foreground.Select(c => $"Dice {c.Name}"), "first-seen loss", "last-seen loss", "patches with foreground", "best so far"],
            run.Epochs.Select(e => (IReadOnlyList<string>)
            [
                $"{e.Epoch + 1}", $"{e.Step}", ReportNumber.Of(e.TrainingLoss), ReportNumber.Of(e.ValidationNegativeLogLikelihood), ReportNumber.Of(e.ValidationDice), .. e.DiceByClass.Select(d => ReportNumber.Of(d)),
                ReportNumber.Of(e.FirstSeenLoss), ReportNumber.Of(e.LastSeenLoss), ReportNumber.Share(e.PatchesWithForeground), e.IsBest ? "yes" : "",
            ]));
    }
}
