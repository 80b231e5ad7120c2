using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Credence.Trainer.Reports;

/// <summary>Writes one self-contained page: no script, nothing fetched. Text becomes text nodes and attribute values, so that no name in the data can become markup.</summary>
internal sealed class HtmlPage
{
    // No character of it needs escaping: a style element is raw text to HTML and character data to XML.
    private const string Style = """
        body{margin:0 auto;max-width:72rem;padding:1rem;background:#fff;color:#1a1a1a;font:16px/1.5 system-ui,sans-serif}
        h1{font-size:1.7rem;line-height:1.2;overflow-wrap:anywhere}h2{margin-top:2.2rem;border-bottom:2px solid #1a1a1a}h3{margin-bottom:.3rem;overflow-wrap:anywhere}
        .scroll{overflow-x:auto}table{border-collapse:collapse;margin:.6rem 0;font-size:.9rem}caption{text-align:left;font-weight:600;padding:.2rem 0}
        th,td{border-bottom:1px solid #bbb;padding:.2rem .6rem .2rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}thead th{border-bottom:2px solid #555;vertical-align:bottom;overflow-wrap:normal}
        td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td{min-width:6.5rem}td.n{min-width:0}tbody th{font-weight:400;min-width:8.5rem}
        .warnings{border-left:6px solid #d55e00;background:#fff6ef;padding:.6rem 1rem .6rem 2.2rem}.warnings li{overflow-wrap:anywhere}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1.2rem}
        figure{margin:0;break-inside:avoid;min-width:0}figure svg,figure img{display:block;width:100%;height:auto;max-width:34rem}figcaption{font-size:.9rem;overflow-wrap:anywhere}
        .key{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;margin:.2rem 0;padding:0;font-size:.9rem}.key svg{display:inline;width:2.4rem;height:.7rem;margin-right:.4rem;vertical-align:baseline}
        summary{cursor:pointer;font-weight:600;margin:.6rem 0}
        @media print{body{max-width:none;padding:0;font-size:11pt}h2,h3{break-after:avoid}tr{break-inside:avoid}}
        """;

    private static readonly XName Svg = XNamespace.Get("http://www.w3.org/2000/svg") + "svg";

    private readonly XElement main = new("main");
    private readonly string title;
    private XElement current;
    private int figures;

    /// <summary>Begins a page.</summary>
    /// <param name="title">Its title and first heading.</param>
    public HtmlPage(string title)
    {
        (this.title, current) = (title, main);
        Add(new XElement("h1", Text(title)));
    }

    /// <summary>Begins a section with a heading of level 2.</summary>
    public void Section(string heading)
    {
        current = new("section", new XElement("h2", Text(heading)));
        main.Add("\n", current);
    }

    /// <summary>A heading of level 3 inside the section.</summary>
    public void Heading(string text) => Add(new XElement("h3", Text(text)));

    /// <summary>A paragraph.</summary>
    public void Paragraph(string text) => Add(new XElement("p", Text(text)));

    /// <summary>A list that stands out as warnings do.</summary>
    public void Warnings(IEnumerable<string> items) => Add(new XElement("ul", new XAttribute("class", "warnings"), items.Select(i => new XElement("li", Text(i)))));

    /// <summary>A table.</summary>
    /// <param name="caption">What it shows.</param>
    /// <param name="headers">One a column.</param>
    /// <param name="rows">The first cell of each names it.</param>
    public void Table(string caption, IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows) => Add(CreateTable(caption, headers, [.. rows.Select(r => r.Select(c => (c, (string?)null)).ToList())]));

    /// <summary>A table in which cells may lead to files beside the page.</summary>
    /// <inheritdoc cref="Table"/>
    public void LinkedTable(string caption, IReadOnlyList<string> headers, IReadOnlyList<IReadOnlyList<(string Text, string? File)>> rows) => Add(CreateTable(caption, headers, rows));

    /// <summary>A table that is folded away until it is asked for.</summary>
    /// <inheritdoc cref="Table"/>
    public void FoldedTable(string caption, IReadOnlyList<string> headers, IEnumerable<IReadOnlyList<string>> rows) =>
        Add(new XElement("details", new XElement("summary", Text(caption)), CreateTable(caption, headers, [.. rows.Select(r => r.Select(c => (c, (string?)null)).ToList())])));

    /// <summary>Figures side by side where there is room.</summary>
    /// <param name="plots">A plot, and what it shows with its figures.</param>
    public void Plots(IEnumerable<(LinePlot Plot, string Caption)> plots) => Add(new XElement("div", new XAttribute("class", "figures"), plots.Select(p => Plot(p.Plot, p.Caption))));

    /// <summary>Pictures side by side where there is room.</summary>
    /// <param name="pictures">PNG, what it shows for those who cannot see it, and its caption.</param>
    public void Pictures(IEnumerable<(byte[] Png, string Alternative, string Caption)> pictures) => Add(new XElement("div", new XAttribute("class", "figures"), pictures.Select(p => new XElement(
        "figure",
        new XElement("img", new XAttribute("src", $"data:image/png;base64,{Convert.ToBase64String(p.Png)}"), new XAttribute("alt", Text(p.Alternative))),
        new XElement("figcaption", Text(p.Caption))))));

    /// <summary>What colours and line patterns mean.</summary>
    public void Key(IEnumerable<PlotSeries> series) => Add(CreateKey(series));

    /// <summary>The page as HTML that is well-formed XML, too.</summary>
    public override string ToString()
    {
        var html = new XElement(
            "html", new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("title", Text(title)),
                new XElement("style", Style)),
            new XElement("body", main));
        return new StringBuilder("<!DOCTYPE html>\n").Append(html.ToString(SaveOptions.DisableFormatting)).Append('\n').ToString();
    }

    private void Add(XElement element) => current.Add("\n", element);

    private XElement Plot(LinePlot plot, string caption)
    {
        var figure = new XElement("figure", new XElement("h3", Text(plot.Title)));
        figure.Add(plot.ToSvg(string.Create(CultureInfo.InvariantCulture, $"f{++figures}-"), Text($"{plot.Title}: {caption}")));
        if (plot.Series.Count > 1)
        {
            figure.Add(CreateKey(plot.Series));
        }

        figure.Add(new XElement("figcaption", Text(caption)));
        return figure;
    }

    private static XElement CreateKey(IEnumerable<PlotSeries> series) => new("ul", new XAttribute("class", "key"), series.Select(s => new XElement(
        "li",
        new XElement(
            Svg, new XAttribute("viewBox", "0 0 38 10"), new XAttribute("aria-hidden", "true"),
            new XElement(
                Svg.Namespace + "line", new XAttribute("x1", "0"), new XAttribute("y1", "5"), new XAttribute("x2", "38"), new XAttribute("y2", "5"),
                new XAttribute("stroke", s.Style.Colour), new XAttribute("stroke-width", "3"), new XAttribute("stroke-dasharray", s.Style.Dashes))),
        Text(s.Name))));

    private static XElement CreateTable(string caption, IReadOnlyList<string> headers, IReadOnlyList<IReadOnlyList<(string Text, string? File)>> rows)
    {
        var isNumeric = headers.Select((_, column) => column > 0 && rows.All(r => IsNumber(r[column].Text))).ToList();
        XElement Cell(string name, int column, object content, string? scope)
        {
            var cell = new XElement(name, content);
            if (isNumeric[column])
            {
                cell.SetAttributeValue("class", "n");
            }

            cell.SetAttributeValue("scope", scope);
            return cell;
        }

        return new("div", new XAttribute("class", "scroll"), new XElement(
            "table", new XElement("caption", Text(caption)),
            new XElement("thead", new XElement("tr", headers.Select((h, column) => Cell("th", column, Text(h), "col")))),
            new XElement("tbody", rows.Select(r => new XElement("tr", r.Select((c, column) => Cell(
                column == 0 ? "th" : "td", column,
                c.File is null ? Text(c.Text) : new XElement("a", new XAttribute("href", string.Join('/', c.File.Split('/').Select(Uri.EscapeDataString))), Text(c.Text)),
                column == 0 ? "row" : null)))))));
    }

    private static bool IsNumber(string text) => text is "-" || double.TryParse(text.Split(' ')[0], NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out _);

    /// <summary>Characters that no XML can hold are replaced, so that the page stays readable whatever a file is called.</summary>
    private static string Text(string text)
    {
        var clean = new StringBuilder(text.Length);
        for (var n = 0; n < text.Length; n++)
        {
            var isPair = n + 1 < text.Length && XmlConvert.IsXmlSurrogatePair(text[n + 1], text[n]);
            clean.Append(isPair || XmlConvert.IsXmlChar(text[n]) ? text[n] : '\uFFFD');
            if (isPair)
            {
                clean.Append(text[++n]);
            }
        }

        return clean.ToString();
    }
}
