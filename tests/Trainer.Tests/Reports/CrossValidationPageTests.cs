using System.Xml;
using System.Xml.Linq;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Reports;

namespace Credence.Trainer.Tests.Reports;

public sealed class CrossValidationPageTests
{
    /// <summary>Of 4 values one distance is undefined with one seed, another with both; one metric has no value at all.</summary>
    [Fact]
    public void Undefined_values_are_counted_and_in_no_figure()
    {
        using var folder = new TemporaryFolder();
        double?[][] distances = [[2, null, null, 4], [6, null, 3, 8]];
        var results = distances.SelectMany((seed, s) => Enumerable.Range(0, 2).Select(fold => new FoldResult((ulong)s + 1, fold,
            [.. Enumerable.Range(2 * fold, 2).Select(n => new CaseResult($"c{n}", $"p{n}", new Dictionary<string, double?> { ["lesion/hd95-mm"] = seed[n], ["lesion/sq"] = null }))]))).ToList();
        var report = CrossValidationReport.Create(new("scans", "hash", 4, new() { Data = "", Run = "", Folds = 2 }), null, results);

        var metric = Assert.Single(report.Metrics);
        Assert.Equal((8, 3, 1, 13 / 3.0), (metric.Values, metric.UndefinedValues, metric.Summary.UndefinedCases, metric.Summary.Mean)); // 4, 3 and 6
        Assert.Equal(["lesion/sq"], report.UndefinedMetrics);
        var page = XElement.Parse(File.ReadAllText(CrossValidationPage.Write(report, folder.Path)).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        Assert.Equal(["lesion/hd95-mm", "3", "3 of 8", "4.333"], page.Descendants("tbody").Last().Elements("tr").Single().Elements().Take(4).Select(c => c.Value));
        Assert.Contains("Undefined in every case: lesion/sq.", page.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_network_has_its_figure_and_leads_to_its_files()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("seed-2-fold-1"));
        File.WriteAllText(folder.File("seed-2-fold-1/report.html"), "");
        var settings = new CrossValidationSettings("<scans>", "hash", 4, new() { Data = "", Run = "", Folds = 2 });
        double[] dice = [0.25, 0.5, 0.75, 1, 0.125, 0.375, 0.625, 0.875];
        var results = new ulong[] { 1, 2 }.SelectMany(seed => Enumerable.Range(0, 2).Select(fold => new FoldResult(seed, fold,
            [.. Enumerable.Range(2 * fold, 2).Select(n => new CaseResult($"c{n}", $"p{n}", new Dictionary<string, double?> { ["lesion/dice"] = dice[4 * ((int)seed - 1) + n] }))]))).ToList();
        var report = CrossValidationReport.Create(settings, null, results);

        var html = File.ReadAllText(CrossValidationPage.Write(report, folder.Path));

        using var reader = XmlReader.Create(new StringReader(html), new() { DtdProcessing = DtdProcessing.Ignore });
        var page = XElement.Load(reader);
        List<XElement> Rows(string caption) => [.. page.Descendants("table").Single(t => t.Element("caption")!.Value == caption).Element("tbody")!.Elements("tr")];
        Assert.Equal(["1 0.375 0.875", "2 0.25 0.75"], Rows("Dice by seed and fold").Select(r => string.Join(' ', r.Elements().Select(c => c.Value))));
        Assert.Equal(
            ["seed-1-fold-0/evaluation.json", "seed-1-fold-1/evaluation.json", "seed-2-fold-0/evaluation.json", "seed-2-fold-1/report.html"],
            page.Descendants("a").Select(a => a.Attribute("href")!.Value));
        Assert.Equal("0.5625", Rows("Mean and sources of variance").Single().Elements().ElementAt(3).Value);
        Assert.Contains("<td>&lt;scans&gt;</td>", html, StringComparison.Ordinal);
    }
}
