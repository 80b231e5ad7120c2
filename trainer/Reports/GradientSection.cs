using Credence.Models;
using Credence.Trainer.Training;

namespace Credence.Trainer.Reports;

/// <summary>How strongly data and prior pull, step by step.</summary>
internal static class GradientSection
{
    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run)
    {
        page.Section("Gradient shares");
        PlotSeries Line(string name, int style, Func<StepReport, double?> value) => PlotSeries.OfMeans(name, style, [.. run.Steps.Select(value)]);
        LinePlot Plot(string title, string unit, bool isLogarithmic, params PlotSeries[] series) => new() { Title = title, XLabel = "step", YLabel = unit, IsLogarithmic = isLogarithmic, Series = series };
        var late = run.Steps.Skip(run.Steps.Count / 2).ToList();
        double? Late(Func<StepReport, double?> value) => late.Average(value);
        var data = Line("data term", 0, s => s.DataGradientNorm);
        var block = PlotSeries.BlockLength(run.Steps.Count);
        var about = block > 1 ? $" Points are means over {block} steps." : "";
        if (run.Options.Posterior != Posterior.MeanField)
        {
            page.Paragraph($"The weights of a {run.Options.Posterior} network are points: there is no KL divergence, so all of the gradient comes from the data term.");
            page.Plots([(Plot("Gradient norm", "Euclidean norm", true, data), $"Before clipping. Mean over the last half of the steps: {ReportNumber.Of(Late(s => s.DataGradientNorm))}.{about}")]);
            return;
        }

        var (dataNorm, klNorm) = (Late(s => s.DataGradientNorm), Late(s => s.KlGradientNorm));
        var factor = run.DataFactor;
        page.Paragraph($"Over the last half of the steps the gradient of the weighted KL makes up {ReportNumber.Share((klNorm / (klNorm + dataNorm)) ?? 0)} of the sum of both norms. Near 0 the prior does not matter; near 100 % the data do not.");
        (LinePlot Plot, string Caption)[] plots =
        [
            (Plot("Gradient norms", "Euclidean norm", true, data, Line("weighted KL", 1, s => s.KlGradientNorm)), $"Before clipping. Means over the last half of the steps: data term {ReportNumber.Of(dataNorm)}, weighted KL {ReportNumber.Of(klNorm)}.{about}"),
            (Plot("Cosine between both gradients", "cosine", false, Line("cosine", 0, s => s.GradientCosine)) with { YRange = (-1.05, 1.05), Level = 0 },
                $"Below 0 they pull in opposite directions. Mean over the last half of the steps: {ReportNumber.Of(Late(s => s.GradientCosine))}."),
            (Plot("Weighted KL against the likelihood", "unit of the objective", true,
                Line("data term", 0, s => s.Loss - s.WeightedKl), Line("weighted KL", 1, s => s.WeightedKl), Line("NLL alone", 2, s => s.NegativeLogLikelihood * factor)),
                $"Last step: data term {ReportNumber.Of(run.Steps[^1].Loss - run.Steps[^1].WeightedKl)}, weighted KL {ReportNumber.Of(run.Steps[^1].WeightedKl)} ({ReportNumber.Of(run.Steps[^1].Kl)} nats x {ReportNumber.Of(run.Steps[^1].KlFactor)}), NLL {ReportNumber.Of(run.Steps[^1].NegativeLogLikelihood * factor)}."),
        ];
        page.Plots(plots.Where(p => !p.Plot.IsEmpty));
    }
}
