namespace Credence.Trainer.Reports;

/// <summary>Colour and pattern of a line; each pair differs in both, so that print and every kind of colour vision tell them apart.</summary>
/// <param name="Colour">#rrggbb in upper case, of Okabe and Ito 2008, "Color Universal Design".</param>
/// <param name="Dashes">Lengths of dashes and gaps, as in SVG.</param>
internal sealed record PlotStyle(string Colour, string Dashes)
{
    private static readonly PlotStyle[] All = [new("#0072B2", "none"), new("#D55E00", "9 5"), new("#009E73", "2 4"), new("#CC79A7", "6 2"), new("#E69F00", "9 3 2 3")];

    /// <summary>Lines that guide the eye.</summary>
    public static PlotStyle Guide { get; } = new("#585858", "3 4");

    /// <summary>The style of the n-th series; beyond the last they repeat.</summary>
    public static PlotStyle Of(int index) => All[index % All.Length];

    /// <summary>The dashes of the lines of a colour; null where no style has it.</summary>
    public static string? DashesOf(string colour) => All.Append(Guide).FirstOrDefault(s => s.Colour == colour)?.Dashes;
}
