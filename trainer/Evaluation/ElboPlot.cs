using System.Globalization;
using Credence.MedicalIO;
using ScottPlot;

namespace Credence.Trainer.Evaluation;

/// <summary>Draws a sweep: held-out NLL, calibration, Dice and gradient share over λ, one panel each.</summary>
internal static class ElboPlot
{
    private const int PanelWidth = 560;
    private const int PanelHeight = 360;
    private static readonly Color Ink = Color.FromHex("#1f4e79");

    /// <summary>Writes a PNG.</summary>
    /// <param name="report">The sweep.</param>
    /// <param name="path">The file.</param>
    public static void Write(ElboReport report, string path)
    {
        var figure = new Multiplot();
        (string Title, Func<ElboPoint, (double Mean, double? Low, double? High)?> Value)[] panels =
        [
            ("held-out NLL, nats per voxel", p => Of(p.NegativeLogLikelihood)),
            ("calibration error near lesions", p => Of(p.ErrorNearLesions)),
            ("Dice", p => Of(p.Dice)),
            ("KL's share of the gradient norms of Gaussian weights", p => p.KlGradientShare is { } share ? (share, null, null) : null),
        ];
        figure.AddPlots(panels.Length);
        figure.Layout = new ScottPlot.MultiplotLayouts.Grid(2, 2);
        foreach (var ((title, value), index) in panels.Select((p, n) => (p, n)))
        {
            Draw(figure.GetPlot(index), title, report.Points, value);
        }

        var image = figure.Render(2 * PanelWidth, 2 * PanelHeight);
        OutputFile.Write(path, stream => stream.Write(image.GetImageBytes(ImageFormat.Png)));
    }

    private static (double, double?, double?)? Of(PatientSummary? summary) =>
        summary is null ? null : (summary.Mean, summary.Interval?.Low, summary.Interval?.High);

    private static void Draw(Plot plot, string title, IReadOnlyList<ElboPoint> points, Func<ElboPoint, (double Mean, double? Low, double? High)?> value)
    {
        var place = Places(points);
        var drawn = points.Select(p => (X: place(p.Temper), Y: value(p))).Where(p => p.Y is not null).Select(p => (p.X, Y: p.Y!.Value)).ToList();
        var line = plot.Add.Scatter(drawn.Select(p => p.X).ToArray(), drawn.Select(p => p.Y.Mean).ToArray(), Ink);
        line.LineWidth = 2;
        line.MarkerSize = 8;
        foreach (var (x, (_, low, high)) in drawn)
        {
            if (low is { } bottom && high is { } top)
            {
                plot.Add.Line(x, bottom, x, top).Color = Ink;
            }
        }

        plot.Title(title);
        plot.XLabel("temper factor λ (1 is Bayes)");
        var labelled = Labelled([.. points.Select(p => p.Temper)], place);
        plot.Axes.Bottom.SetTicks([.. labelled.Select(place)], [.. labelled.Select(t => t.ToString("G3", CultureInfo.InvariantCulture))]);
        plot.Add.VerticalLine(0).LinePattern = LinePattern.Dotted;
    }

    /// <summary>Where a λ lies on the axis: log₁₀ λ, and 0 a decade below the smallest other.</summary>
    private static Func<double, double> Places(IReadOnlyList<ElboPoint> points)
    {
        var zero = points.Where(p => p.Temper > 0).Select(p => Math.Log10(p.Temper)).DefaultIfEmpty(0).Min() - 1;
        return temper => temper > 0 ? Math.Log10(temper) : zero;
    }

    /// <summary>The λ whose labels have room beside each other: 1 first, then the ends, then the others.</summary>
    internal static IReadOnlyList<double> Labelled(IReadOnlyList<double> tempers, Func<double, double> place)
    {
        const double Room = 0.12; // of the axis: seven characters of a panel
        var (low, high) = (tempers.Min(), tempers.Max());
        var room = Room * (place(high) - place(low));
        var kept = new List<double>();
        foreach (var temper in tempers.OrderBy(t => t == 1 ? 0 : t == low || t == high ? 1 : 2).ThenBy(t => t))
        {
            if (kept.TrueForAll(k => Math.Abs(place(k) - place(temper)) > room))
            {
                kept.Add(temper);
            }
        }

        return kept;
    }
}
