using System.Globalization;
using System.Xml.Linq;
using ScottPlot;

namespace Credence.Trainer.Reports;

/// <summary>Lines or dots over one axis, drawn as vector graphics that scale with the page.</summary>
internal sealed record LinePlot
{
    private const int Width = 480;
    private const int Height = 300;
    private const int FewPoints = 40;

    private static readonly Color Ink = Color.FromHex("#1a1a1a");
    private static readonly Color Guide = Color.FromHex(PlotStyle.Guide.Colour);

    /// <summary>What is shown.</summary>
    public required string Title { get; init; }

    /// <summary>Quantity and unit of the x axis.</summary>
    public required string XLabel { get; init; }

    /// <summary>Quantity and unit of the y axis.</summary>
    public required string YLabel { get; init; }

    /// <summary>The lines.</summary>
    public required IReadOnlyList<PlotSeries> Series { get; init; }

    /// <summary>Whether the y axis is logarithmic; values that are not above 0 are left out.</summary>
    public bool IsLogarithmic { get; init; }

    /// <summary>Dots without lines, for values that have no order between them.</summary>
    public bool IsDots { get; init; }

    /// <summary>Both ends of the x axis; null fits them to the data.</summary>
    public (double Low, double High)? XRange { get; init; }

    /// <summary>Both ends of the y axis; null fits them to the data.</summary>
    public (double Low, double High)? YRange { get; init; }

    /// <summary>Draws y = x.</summary>
    public bool HasDiagonal { get; init; }

    /// <summary>A line at this height.</summary>
    public double? Level { get; init; }

    /// <summary>A band between these heights.</summary>
    public (double Low, double High)? Band { get; init; }

    /// <summary>Whether there is anything to draw.</summary>
    public bool IsEmpty => !Series.Any(s => s.Drawable(IsLogarithmic).Any());

    /// <summary>Draws.</summary>
    /// <param name="prefix">Put before every id, because ids are unique in a page.</param>
    /// <param name="alternative">What it shows, for those who cannot see it.</param>
    public XElement ToSvg(string prefix, string alternative)
    {
        var svg = XDocument.Parse(Draw().GetSvgXml(Width, Height)).Root!;
        // Ids are unique in a page, and Skia numbers them by what the process drew before.
        var names = svg.Descendants().Attributes("id").Select((id, n) => (id.Value, Name: string.Create(CultureInfo.InvariantCulture, $"{prefix}{n}"))).ToDictionary(p => p.Value, p => p.Name);
        foreach (var attribute in svg.Descendants().Attributes().ToList())
        {
            attribute.Value = attribute.Name.LocalName switch
            {
                "id" => names[attribute.Value],
                "font-family" => "system-ui, sans-serif",
                _ when attribute.Value.StartsWith("url(#", StringComparison.Ordinal) => $"url(#{names[attribute.Value[5..^1]]})",
                _ => attribute.Value,
            };
        }

        // Skia cannot write dashes.
        foreach (var element in svg.Descendants())
        {
            element.SetAttributeValue("stroke-dasharray", element.Attribute("stroke") is { } stroke ? PlotStyle.DashesOf(stroke.Value.ToUpperInvariant()) : null);
        }

        svg.SetAttributeValue("width", null);
        svg.SetAttributeValue("height", null);
        svg.SetAttributeValue("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {Width} {Height}"));
        svg.SetAttributeValue("role", "img");
        svg.SetAttributeValue("aria-label", alternative);
        return svg;
    }

    private Plot Draw()
    {
        var plot = new Plot();
        double Height(double y) => IsLogarithmic ? Math.Log10(y) : y;
        if (Band is { } band)
        {
            plot.Add.VerticalSpan(band.Low, band.High, Color.FromHex("#0072b2").WithAlpha(.15));
        }

        if (Level is { } level)
        {
            plot.Add.HorizontalLine(level, 1.5f, Guide);
        }

        if (HasDiagonal)
        {
            plot.Add.Line(0, 0, 1, 1).Color = Guide;
        }

        foreach (var series in Series)
        {
            var points = series.Drawable(IsLogarithmic).ToList();
            if (points.Count > 0)
            {
                var line = plot.Add.Scatter(points.Select(p => p.X).ToArray(), points.Select(p => Height(p.Y)).ToArray(), Color.FromHex(series.Style.Colour));
                line.LineWidth = IsDots ? 0 : 2;
                line.MarkerSize = IsDots ? 7 : points.Count <= FewPoints ? 4 : 0;
            }
        }

        SetAxes(plot);
        return plot;
    }

    private void SetAxes(Plot plot)
    {
        plot.XLabel(XLabel, 15);
        plot.YLabel(YLabel, 15);
        foreach (var axis in plot.Axes.GetAxes())
        {
            axis.Label.Bold = false;
            axis.MinorTickStyle.Length = 0;
            axis.TickLabelStyle.FontSize = 14;
            axis.TickLabelStyle.ForeColor = Ink;
        }

        plot.Axes.Margins(0.03, 0.08);
        plot.Axes.AutoScale();
        if (XRange is { } x)
        {
            plot.Axes.SetLimitsX(x.Low, x.High);
        }
        else
        {
            plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { IntegerTicksOnly = true };
        }

        if (YRange is { } y)
        {
            plot.Axes.SetLimitsY(y.Low, y.High);
        }

        if (IsLogarithmic)
        {
            SetDecades(plot);
        }
    }

    /// <summary>Ticks at 1, 2 and 5 times powers of ten over up to two decades, and at powers of ten over more.</summary>
    private static void SetDecades(Plot plot)
    {
        var limits = plot.Axes.GetLimits();
        var (low, high) = ((int)Math.Floor(limits.Bottom), (int)Math.Ceiling(limits.Top));
        double[] steps = limits.VerticalSpan > 2 ? [1] : [1, 2, 5];
        var every = Math.Max(1, (high - low) / 6);
        var ticks = Enumerable.Range(low, high - low + 1).Where(decade => (decade - low) % every == 0)
            .SelectMany(decade => steps.Select(step => (Place: decade + Math.Log10(step), Label: (step * Math.Pow(10, decade)).ToString("G3", CultureInfo.InvariantCulture)))).ToList();
        plot.Axes.Left.SetTicks([.. ticks.Select(t => t.Place)], [.. ticks.Select(t => t.Label)]);
    }
}
