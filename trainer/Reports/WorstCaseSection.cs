using SkiaSharp;

namespace Credence.Trainer.Reports;

/// <summary>The worst cases as pictures.</summary>
internal static class WorstCaseSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run, ValidationFindings findings)
    {
        page.Section("Worst cases");
        if (findings.Worst.Count == 0)
        {
            page.Paragraph("No validation case has a lesion in reference or prediction, so none is worse than another.");
            return;
        }

        page.Paragraph($"The {findings.Worst.Count} lowest mean Dice, each in the slice with most wrong voxels. The patient's right is on the left. Uncertainty is the predictive entropy, from black (0) over red to pale yellow (largest in the case).");
        page.Key([Line("border of the reference", SlicePicture.ReferenceColour), Line("border of the prediction", SlicePicture.PredictedColour)]);
        foreach (var worst in findings.Worst)
        {
            var picture = worst.Picture;
            var slice = $"slice {picture.Slice} of {picture.Slices}";
            page.Heading($"{worst.Id}: Dice {ReportNumber.Of(worst.Dice)}");
            page.Pictures(
            [
                (picture.Scan, $"{run.Plan.Channels[0].Name} of case {worst.Id}, axial {slice}, with the borders of reference and prediction", $"{run.Plan.Channels[0].Name}, {slice}: {picture.WrongVoxels} voxels are wrong."),
                (picture.Uncertainty, $"Predictive entropy of case {worst.Id}, axial {slice}", $"Predictive entropy, {slice}; largest in the case: {ReportNumber.Of(picture.LargestEntropy)} nats."),
            ]);
        }
    }

    private static PlotSeries Line(string name, SKColor colour) => new(name, [], new(FormattableString.Invariant($"#{colour.Red:x2}{colour.Green:x2}{colour.Blue:x2}"), "none"));
}
