using Credence.Trainer.Training;

namespace Credence.Trainer.Reports;

/// <summary>Gradients and posterior, layer by layer.</summary>
internal static class LayerSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run)
    {
        var layers = run.Epochs[^1].Layers;
        page.Section("Layers");
        page.Paragraph("Gradients are means over the steps of the last epoch; the posterior is the one that it ended with. Numbers on the x axes are those of the table.");
        var isBayesian = layers.Any(l => l.Posterior is not null);
        if (!isBayesian)
        {
            page.Paragraph("No layer has distributions as weights, so there is no posterior to describe.");
        }

        PlotSeries Line(string name, int style, Func<LayerReport, double?> value) => PlotSeries.Of(name, style, layers.Select(value));
        LinePlot Plot(string title, string unit, params PlotSeries[] series) => new() { Title = title, XLabel = "layer", YLabel = unit, Series = series };
        (LinePlot Plot, string Caption)[] plots =
        [
            (Plot("Gradient norms by layer", "Euclidean norm", [Line("data term", 0, l => l.DataGradientNorm), .. isBayesian ? [Line("weighted KL", 1, l => l.KlGradientNorm)] : Array.Empty<PlotSeries>()]) with { IsLogarithmic = true },
                "A layer in which the KL lies above the data term is drawn to its prior."),
            (Plot("Cosine by layer", "cosine", Line("cosine", 0, l => l.GradientCosine)) with { YRange = (-1.05, 1.05), Level = 0 }, "Between the gradients of data term and KL."),
            (Plot("KL per weight by layer", "nats", Line("KL per weight", 0, l => l.Posterior?.KlPerWeight)), "How much the data have said about a weight. 0 is the prior."),
            (Plot("Signal to noise by layer", "median |mean| / sigma", Line("signal to noise", 0, l => l.Posterior?.SignalToNoise)) with { Level = 1 }, "Below 1 (dotted) the sign of half of the weights is open."),
            (Plot("Collapsed share by layer", "share of weights", Line("collapsed", 0, l => l.Posterior?.CollapsedShare)) with { YRange = (-0.03, 1.03) }, "Weights within 5 % of the prior sigma, in width and in mean: the data say nothing about them."),
        ];
        page.Plots(plots.Where(p => !p.Plot.IsEmpty));
        page.Table("Layers after the last epoch",
            ["layer", "number", "weights", "data gradient", "KL gradient", "cosine", "KL per weight, nats", "signal to noise", "share above 1", "collapsed"],
            layers.Select((l, n) => (IReadOnlyList<string>)
            [
                l.Name, $"{n + 1}", l.Posterior is { } p ? ReportNumber.Of(p.Weights) : "points", ReportNumber.Of(l.DataGradientNorm), ReportNumber.Of(l.KlGradientNorm), ReportNumber.Of(l.GradientCosine),
                ReportNumber.Of(l.Posterior?.KlPerWeight), ReportNumber.Of(l.Posterior?.SignalToNoise), ReportNumber.Of(l.Posterior?.SignalShare), ReportNumber.Of(l.Posterior?.CollapsedShare),
            ]));
    }
}
