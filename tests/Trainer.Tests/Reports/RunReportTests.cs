using System.Globalization;
using System.Text.Json.Nodes;
using System.Xml;
using System.Xml.Linq;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Reports;
using Credence.Trainer.Tests.Evaluation;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Reports;

public sealed class RunReportTests
{
    private const string HostileClass = "<script>alert(1)</script> & \"lesion\" \u0001";
    private const string HostileCase = "case\"><img src=x onerror='alert(1)'>&amp;";

    [Fact]
    public void The_page_is_whole_escapes_what_it_is_given_and_refers_to_nothing_outside_itself()
    {
        using var data = Hostile();
        using var folder = new TemporaryFolder();
        Fit(data, folder.Path, Posterior.MeanField);

        var html = Write(folder.Path);
        var page = Parse(html);

        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(page.Descendants("script"));
        Assert.DoesNotContain(page.Descendants().Attributes(), a => a.Name.LocalName.StartsWith("on", StringComparison.OrdinalIgnoreCase));
        Assert.All(page.Descendants().Attributes().Where(a => a.Name.LocalName is "src" or "href"), a => Assert.StartsWith("data:image/png;base64,", a.Value, StringComparison.Ordinal));
        Assert.DoesNotContain("url(", page.Descendants("style").Single().Value, StringComparison.Ordinal);
        Assert.All(page.Descendants().Attributes().Where(a => a.Value.Contains("url(", StringComparison.Ordinal)), a => Assert.StartsWith("url(#", a.Value, StringComparison.Ordinal));
        Assert.DoesNotContain("@import", html, StringComparison.Ordinal);

        var ids = page.Descendants().Attributes("id").Select(a => a.Value).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.All(page.Descendants().Attributes().Where(a => a.Value.StartsWith("url(#", StringComparison.Ordinal)), a => Assert.Contains(a.Value[5..^1], ids));
        Assert.All(page.Descendants("img"), i => Assert.NotEqual("", i.Attribute("alt")!.Value));
        Assert.All(page.Descendants("figure"), f =>
        {
            Assert.NotEqual("", f.Element("figcaption")!.Value);
            Assert.Contains(f.Elements(), e => e.Name == "img" || (e.Name.LocalName == "svg" && e.Attribute("role")!.Value == "img" && e.Attribute("aria-label")!.Value.Length > 0));
        });
        int[] levels = [.. page.Descendants().Where(e => e.Name.LocalName is "h1" or "h2" or "h3").Select(e => e.Name.LocalName[1] - '0')];
        Assert.All(levels.Zip(levels.Skip(1)), p => Assert.True(p.Second <= p.First + 1, "a heading skips a level"));

        Assert.Contains(HostileClass.Replace('\u0001', '\uFFFD'), Cells(page, "The run").Single(r => r[0] == "classes")[1], StringComparison.Ordinal);
        Assert.Contains(Cells(page, "Every case, the lowest Dice first"), r => r[0].StartsWith(HostileCase, StringComparison.Ordinal));
        Assert.Equal(html, Write(folder.Path));
    }

    [Fact]
    public void Figures_in_the_page_equal_those_of_the_log_and_of_the_evaluation()
    {
        using var data = SmallDataset.Decathlon(cases: 6);
        using var folder = new TemporaryFolder();
        Fit(data, folder.Path, Posterior.MeanField);
        var page = Parse(Write(folder.Path));

        var evaluation = JsonNode.Parse(File.ReadAllText(folder.File("report/evaluation.json")))!;
        var cases = Cells(page, "Every case, the lowest Dice first");
        var split = JsonNode.Parse(File.ReadAllText(folder.File("split.json")))!;
        Assert.Equal(split["validation"]!.AsArray().Select(c => (string)c!), cases.Select(c => c[0]).Order(StringComparer.Ordinal));
        foreach (var @case in evaluation["cases"]!.AsArray())
        {
            var row = cases.Single(r => r[0] == (string)@case!["id"]!);
            Assert.Equal(new[] { "dice", "ndsc", "lesion-f1", "reference-volume-ml", "prediction-volume-ml" }.Select(m => Number(@case!["values"]![$"lesion/{m}"])), row.Skip(2));
        }

        var summary = Cells(page, "Summary over patients").Single(r => r[0] == "ECE near lesions");
        Assert.Equal(Number(evaluation["summary"]!.AsArray().Single(m => (string)m!["metric"]! == "lesion/ece-near")!["mean"]), summary[2]);

        var log = File.ReadAllLines(folder.File("log.jsonl")).Select(l => JsonNode.Parse(l)!).ToList();
        var epochs = log.Where(l => l["validationDice"] is not null).ToList();
        Assert.Equal(
            epochs.Select(e => $"{Number(e["trainingLoss"])} {Number(e["validationNegativeLogLikelihood"])} {Number(e["validationDice"])} {Number(e["firstSeenLoss"])}"),
            Cells(page, "All epochs").Select(r => $"{r[2]} {r[3]} {r[4]} {r[6]}"));
        Assert.Equal(
            epochs[^1]["layers"]!.AsArray().Select(l => $"{l!["name"]} {Number(l["dataGradientNorm"])} {Number(l["klGradientNorm"])} {Number(l["posterior"]!["klPerWeight"])} {Number(l["posterior"]!["collapsedShare"])}"),
            Cells(page, "Layers after the last epoch").Select(r => $"{r[0]} {r[3]} {r[4]} {r[6]} {r[9]}"));

        var gaps = epochs.Select(e => (double)e["firstSeenLoss"]! - (double)e["lastSeenLoss"]!).ToList();
        Assert.Contains($"Mean gap {gaps.Average().ToString("G4", CultureInfo.InvariantCulture)}, ", Caption(page, "First-seen against last-seen loss"), StringComparison.Ordinal);
        var late = log.Where(l => l["loss"] is not null).Skip(epochs.Count * 3 / 2).ToList();
        Assert.Contains($"weighted KL {late.Average(s => (double)s["klGradientNorm"]!).ToString("G4", CultureInfo.InvariantCulture)}.", Caption(page, "Gradient norms"), StringComparison.Ordinal);
        Assert.Contains(
            $"(above the curve, lower is better): {Number(evaluation["summary"]!.AsArray().Single(m => (string)m!["metric"]! == "lesion/ndsc-r-auc")!["mean"])} (", Caption(page, "nDSC retention"), StringComparison.Ordinal);
    }

    [Fact]
    public void Warnings_of_the_run_and_of_the_rules_come_first()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        Fit(data, folder.Path, Posterior.MeanField);

        var sections = Parse(Write(folder.Path)).Descendants("section").ToList();
        var warnings = sections[0].Descendants("li").Select(l => l.Value).ToList();

        Assert.Equal("Warnings", sections[0].Element("h2")!.Value);
        Assert.Contains(warnings, w => w.StartsWith("Generalised Bayes: the loss is no log-likelihood, and patches are made to hold foreground. So", StringComparison.Ordinal));
        Assert.Contains(warnings, w => w.StartsWith("Few cases: 1 validation patient (", StringComparison.Ordinal));
        var recorded = JsonNode.Parse(File.ReadAllText(folder.File("warnings.json")))!.AsArray().Select(w => (string)w!).ToList();
        Assert.Contains(recorded, w => w.Contains("the network can store every label", StringComparison.Ordinal));
        Assert.Equal(recorded, warnings.Take(recorded.Count));

        TrainingLoop.Resume(folder.Path, o => o with { Epochs = 3 }, new SilentObserver(), TimeProvider.System, CancellationToken.None);
        Assert.Equal(recorded, JsonNode.Parse(File.ReadAllText(folder.File("warnings.json")))!.AsArray().Select(w => (string)w!));
    }

    [Fact]
    public void Empty_situations_are_said_in_words()
    {
        using var data = SmallDataset.Decathlon();
        foreach (var n in Enumerable.Range(0, 5))
        {
            NiftiFile.Write(data.File($"labelsTr/case{n}.nii.gz"), new(SmallDataset.Grid, new byte[SmallDataset.Grid.Size.Count]));
        }

        using var folder = new TemporaryFolder();
        Fit(data, folder.Path, Posterior.Plain);
        var text = Parse(Write(folder.Path)).Value;
        Assert.Contains("there is no KL divergence", text, StringComparison.Ordinal);
        Assert.Contains("No layer has distributions as weights", text, StringComparison.Ordinal);
        Assert.Contains("No validation case has a lesion in its reference", text, StringComparison.Ordinal);

        var split = JsonNode.Parse(File.ReadAllText(folder.File("split.json")))!;
        split["training"] = new JsonArray([.. Enumerable.Range(0, 5).Select(n => (JsonNode)$"case{n}")]);
        split["validation"] = new JsonArray();
        File.WriteAllText(folder.File("split.json"), split.ToJsonString());
        text = Parse(Write(folder.Path)).Value;
        Assert.Contains("The run has no validation case, so nothing was judged: there is no calibration", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_without_a_finished_epoch_is_refused_and_an_earlier_page_stays()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        Fit(data, folder.Path, Posterior.Plain);
        File.WriteAllText(folder.File("report.html"), "earlier");
        File.WriteAllText(folder.File("log.jsonl"), "");

        var error = Assert.Throws<Datasets.DatasetException>(() => Write(folder.Path));

        Assert.Equal($"{folder.File("log.jsonl")}: no finished epoch; expected a run with at least one. Go on with `credence-train fit --resume`.", error.Message);
        Assert.Equal("earlier", File.ReadAllText(folder.File("report.html")));
        Assert.Empty(Directory.GetFiles(folder.Path, "*.part"));
    }

    private static SmallDataset Hostile()
    {
        var data = SmallDataset.Decathlon();
        foreach (var (kind, n) in new[] { "imagesTr", "labelsTr" }.SelectMany(k => Enumerable.Range(0, 5).Select(n => (k, n))))
        {
            File.Move(data.File($"{kind}/case{n}.nii.gz"), data.File($"{kind}/{HostileCase}{n}.nii.gz"));
        }

        data.Describe(new
        {
            name = "Blocks <b>",
            channel_names = new Dictionary<string, string> { ["0"] = "T1 </title>" },
            labels = new Dictionary<string, int> { ["background"] = 0, [HostileClass] = 1 },
            file_ending = ".nii.gz",
        });
        return data;
    }

    private static void Fit(SmallDataset data, string run, Posterior posterior) => TrainingLoop.Fit(
        new() { Data = data.Path, Run = run, Epochs = 2, StepsPerEpoch = 3, Width = 4, BatchSize = 2, Device = "cpu", Posterior = posterior, Loss = LossSum.Parse("dice + cross-entropy") },
        new SilentObserver(), TimeProvider.System, CancellationToken.None);

    private static string Write(string run) =>
        File.ReadAllText(RunReport.Write(new() { Run = run, Samples = 2, Device = "cpu" }, _ => { }, TimeProvider.System, CancellationToken.None));

    private static XElement Parse(string html)
    {
        Assert.StartsWith("<!DOCTYPE html>\n", html, StringComparison.Ordinal);
        using var reader = XmlReader.Create(new StringReader(html), new() { DtdProcessing = DtdProcessing.Ignore });
        return XElement.Load(reader);
    }

    private static List<string[]> Cells(XElement page, string caption) =>
        [.. page.Descendants("table").Single(t => t.Element("caption")!.Value == caption).Element("tbody")!.Elements("tr").Select(r => r.Elements().Select(c => c.Value).ToArray())];

    private static string Caption(XElement page, string title) => page.Descendants("figure").Single(f => f.Element("h3")?.Value == title).Element("figcaption")!.Value;

    private static string Number(JsonNode? value) => value is null ? "-" : ((double)value).ToString("G4", CultureInfo.InvariantCulture);
}
