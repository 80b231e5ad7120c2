using Credence.Inference.Metrics;

namespace Credence.Trainer.Reports;

/// <summary>Whether a probability means what it says.</summary>
internal static class CalibrationSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run, ValidationFindings findings)
    {
        page.Section("Calibration");
        page.Paragraph("Predicted probability against observed frequency, all voxels of all validation cases in one diagram. On the diagonal a probability means what it says; below it the network is too sure of lesions, above it not sure enough. Over whole scans nearly every voxel is right and certain; near lesions the probabilities are put to the test.");
        foreach (var (@class, index) in run.Foreground.Select((c, n) => (c, n)))
        {
            var suffix = run.Suffix(@class);
            var radius = findings.Cases[0].Options.NeighbourhoodRadius;
            (string Title, IEnumerable<CalibrationScores?> Scores)[] views =
            [
                ($"Whole scans{suffix}", findings.Cases.Select(c => c.Classes[index].Calibration)),
                ($"Within {ReportNumber.Of(radius)} mm of a lesion{suffix}", findings.Cases.Select(c => c.Classes[index].NeighbourhoodCalibration)),
            ];
            var diagrams = views.Select(v => (v.Title, Diagram: ReliabilityDiagram.Pool([.. v.Scores.OfType<CalibrationScores>().Select(s => s.EqualWidth)]))).ToList();
            page.Plots(diagrams.Where(d => d.Diagram.Bins.Any(b => b.Count > 0)).Select(d => (Plot(d.Title, d.Diagram), Caption(d.Diagram))));
            foreach (var (title, diagram) in diagrams)
            {
                if (diagram.Bins.All(b => b.Count == 0))
                {
                    page.Paragraph($"{title}: no case has a lesion in reference or prediction, so there is no such voxel.");
                    continue;
                }

                page.FoldedTable($"Bins. {title}", ["bin", "voxels", "mean probability", "observed frequency", "gap"], diagram.Bins.Select((b, n) => (IReadOnlyList<string>)
                [
                    $"{ReportNumber.Of((double)n / diagram.Bins.Count)} to {ReportNumber.Of((n + 1.0) / diagram.Bins.Count)}", ReportNumber.Of(b.Count), ReportNumber.Of(b.MeanProbability), ReportNumber.Of(b.ObservedFrequency), ReportNumber.Of(b.Gap),
                ]));
            }
        }

        page.Heading("Temperature");
        page.Paragraph(Temperature(findings.Temperature));
    }

    private static LinePlot Plot(string title, ReliabilityDiagram diagram) => new()
    {
        Title = title,
        XLabel = "predicted probability",
        YLabel = "observed frequency",
        XRange = (-0.02, 1.02),
        YRange = (-0.02, 1.02),
        HasDiagonal = true,
        Series = [new("observed", [.. diagram.Bins.Where(b => b.Count > 0).Select(b => (b.MeanProbability, (double?)b.ObservedFrequency))], PlotStyle.Of(0))],
    };

    private static string Caption(ReliabilityDiagram diagram) =>
        $"{ReportNumber.Of(diagram.Bins.Sum(b => b.Count))} voxels in {diagram.Bins.Count} bins of equal width. Expected calibration error {ReportNumber.Of(diagram.WeightedGap)}, largest gap {ReportNumber.Of(diagram.LargestGap)}.";

    private static string Temperature(TemperatureFit fit)
    {
        if (fit.IsAtLimit)
        {
            return "No temperature can be suggested: the likelihood has no largest value, because the classes are told apart without an error or the logits say nothing.";
        }

        return $"Suggested: T = {ReportNumber.Of(fit.Temperature)}: the NLL of the validation voxels goes from {ReportNumber.Of(fit.NegativeLogLikelihoodBefore)} to {ReportNumber.Of(fit.NegativeLogLikelihood)} nats per voxel ({ReportNumber.Of(fit.Voxels)} voxels{(fit.Seen > fit.Voxels ? $", a uniform sample of {ReportNumber.Of(fit.Seen)}" : "")}). {(fit.Temperature > 1 ? "Above 1: the network is too sure." : "At most 1: the network is not too sure.")} These cases also chose the best epoch; to set a temperature, use `credence-train tune` on a cross-validation.";
    }
}
