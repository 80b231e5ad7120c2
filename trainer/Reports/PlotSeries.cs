namespace Credence.Trainer.Reports;

/// <summary>One line of a plot.</summary>
/// <param name="Name">For the key.</param>
/// <param name="Points">In order; a null or NaN leaves a gap.</param>
/// <param name="Style">Colour and pattern.</param>
internal sealed record PlotSeries(string Name, IReadOnlyList<(double X, double? Y)> Points, PlotStyle Style)
{
    private const int LargestPointCount = 200;

    /// <summary>The points that can be drawn.</summary>
    public IEnumerable<(double X, double Y)> Drawable(bool isLogarithmic) =>
        Points.Where(p => p.Y is { } y && double.IsFinite(y) && (!isLogarithmic || y > 0)).Select(p => (p.X, p.Y!.Value));

    /// <summary>Numbers from 1 on the x axis.</summary>
    public static PlotSeries Of(string name, int style, IEnumerable<double?> values) =>
        new(name, [.. values.Select((y, n) => (n + 1.0, y))], PlotStyle.Of(style));

    /// <summary>A long series as means over blocks of equal length, at most 200 of them.</summary>
    /// <param name="name">For the key.</param>
    /// <param name="style">Number of the style.</param>
    /// <param name="values">One a step.</param>
    public static PlotSeries OfMeans(string name, int style, IReadOnlyList<double?> values) => new(
        name, [.. values.Select((y, n) => (X: n + 1.0, Y: y)).Chunk(BlockLength(values.Count)).Select(b => (b.Average(p => p.X), b.Average(p => p.Y)))], PlotStyle.Of(style));

    /// <summary>How many values <see cref="OfMeans"/> averages.</summary>
    public static int BlockLength(int count) => Math.Max(1, (count + LargestPointCount - 1) / LargestPointCount);
}
