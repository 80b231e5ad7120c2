using ScottPlot;

namespace Credence.Trainer.Reports;

/// <summary>Colour and pattern of a line; each pair differs in both, so that print and every kind of colour vision tell them apart.</summary>
/// <param name="Colour">#rrggbb, of Okabe and Ito 2008, "Color Universal Design".</param>
/// <param name="Dashes">Lengths of dashes and gaps, as in SVG.</param>
/// <param name="Pattern">The same for the plot.</param>
internal sealed record PlotStyle(string Colour, string Dashes, LinePattern Pattern)
{
    private static readonly PlotStyle[] All =
    [
        new("#0072b2", "none", LinePattern.Solid),
        new("#d55e00", "9 5", LinePattern.Dashed),
        new("#009e73", "2 4", LinePattern.Dotted),
        new("#cc79a7", "6 3", LinePattern.DenselyDashed),
        new("#555555", "none", LinePattern.Solid),
    ];

    /// <summary>The style of the n-th series; beyond the last they repeat.</summary>
    public static PlotStyle Of(int index) => All[index % All.Length];
}
