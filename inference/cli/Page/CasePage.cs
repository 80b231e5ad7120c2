using System.Globalization;
using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Page;

/// <summary>
/// <c>report.html</c> of one case: a single file that opens without network, with the scan and the maps in a viewer (NiiVue), the lesions and what was run.
/// </summary>
internal static class CasePage
{
    /// <summary>Name of the page in the folder of a case.</summary>
    public const string File = "report.html";

    private const double LowestPercentile = 0.1, HighestPercentile = 99.9; // of a scan: its grey scale
    private const int MostLesions = 500;

    /// <summary>Writes the page beside the maps.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="title">Name of the case.</param>
    /// <param name="segmentation">What is shown.</param>
    /// <param name="scans">One a channel.</param>
    /// <param name="manifest">Names the channels, and says where the model comes from.</param>
    public static void Write(string path, string title, Segmentation segmentation, IReadOnlyList<Scan> scans, ModelManifest manifest)
    {
        var layers = Layers(segmentation, [.. scans.Select(s => s.Volume)], [.. manifest.Channels.Select(c => c.Name)]);
        var grid = segmentation.Prediction.Segmentation.Geometry;
        var shrink = PagePicture.Shrink(grid.Size);
        var page = Describe(title, segmentation, [.. layers.Select(l => l.Layer)], manifest.Provenance, shrink);
        PageTemplate.Write(path, "page.html", (name, target) =>
        {
            switch (name)
            {
                case "title": target.Text(WebUtility.HtmlEncode(title)); break;
                case "style": target.Resource("page.css"); break;
                case "script": target.Resource("page.js"); break;
                case "licence": target.Resource("niivue.LICENSE"); break;
                case "niivue": target.Resource("niivue.umd.js"); break;
                case "case": target.Text(JsonSerializer.Serialize(page, CasePageJson.Default.CasePageContent)); break; // escapes < and >, so that no text ends the element
                case "volumes":
                    foreach (var (layer, write) in layers)
                    {
                        target.Text($"<script type=\"text/plain\" id=\"volume-{layer.Id}\">");
                        Compressed(target.Stream, stream => write(stream, shrink));
                        target.Text("</script>\n");
                    }

                    break;
            }
        });
    }

    private static List<(PageLayer Layer, Action<Stream, int> Write)> Layers(Segmentation segmentation, IReadOnlyList<Volume> scans, IReadOnlyList<string> channels)
    {
        var (prediction, report) = segmentation;
        var layers = new List<(PageLayer, Action<Stream, int>)>();
        foreach (var (scan, n) in scans.Select((s, n) => (s, n)))
        {
            var (low, high) = (Percentile.Of(scan.Voxels, null, LowestPercentile), Percentile.Of(scan.Voxels, null, HighestPercentile));
            layers.Add((new($"scan-{n + 1}", channels[n], "gray", n == 0, 1, low, high), (stream, shrink) => PagePicture.WriteScan(stream, scan, (float)low, (float)high, shrink)));
        }

        layers.Add((new("segmentation", "Segmentation", null, true, 0.6, 0, 255) { Labels = [.. report.Classes.Select(c => new PageLabel(c.Label, c.Name))] },
            (stream, shrink) => PagePicture.WriteLabels(stream, prediction.Segmentation, shrink)));
        foreach (var (probability, @class) in prediction.Probabilities.Zip(report.Classes))
        {
            layers.Add((new($"probability-{@class.Label}", report.Classes.Count == 1 ? "Probability" : $"Probability of {@class.Name}", "inferno", false, 0.7, 0.05, 1),
                (stream, shrink) => PagePicture.WriteMap(stream, probability, shrink)));
        }

        var most = Math.Log(report.Classes.Count + 1); // nats
        layers.Add((new("entropy", "Predictive entropy, nats", "viridis", false, 0.7, 0.02 * most, most), (stream, shrink) => PagePicture.WriteMap(stream, prediction.PredictiveEntropy, shrink)));
        if (prediction.Samples > 1)
        {
            layers.Add((new("mutual-information", "Mutual information, nats", "cividis", false, 0.7, 0.01 * most, most / 4), (stream, shrink) => PagePicture.WriteMap(stream, prediction.MutualInformation, shrink)));
        }

        return layers;
    }

    private static CasePageContent Describe(string title, Segmentation segmentation, IReadOnlyList<PageLayer> layers, ProvenanceDescription provenance, int shrink)
    {
        var (prediction, report) = segmentation;
        var stopped = report.StoppedBy switch
        {
            StopReason.Tolerance => "the volume was settled",
            StopReason.AllMembers => "each member of the ensemble once",
            StopReason.TimeBudget => "the time was used up",
            _ => "all that were asked for",
        };
        string Seconds(double s) => s.ToString("0.00 s", CultureInfo.InvariantCulture);
        List<IReadOnlyList<string>> run =
        [
            ["Model", report.Model],
            ["Model SHA-256", report.ModelSha256],
            ["Model signed with key", report.ModelSigner ?? "not checked"],
            ["Training data SHA-256", provenance.DataHash],
            ["Training code SHA-256", provenance.CodeHash.Length > 0 ? provenance.CodeHash : "not recorded"],
            ["Posterior", report.Members > 1 ? $"{report.Posterior} of {report.Members} members" : report.Posterior.ToString()],
            ["Samples", $"{report.Samples}: {stopped}"],
            ["Seed", report.Seed.ToString(CultureInfo.InvariantCulture)],
            ["Ran on", report.Device.ToString()],
            ["Scan", FormattableString.Invariant($"{report.Size} voxels of {report.Spacing.X:0.###} x {report.Spacing.Y:0.###} x {report.Spacing.Z:0.###} mm, {report.Orientation}")],
            ["Files", string.Join(", ", report.Inputs.Select(Path.GetFileName))],
            ["Time", $"{Seconds(report.ReadSeconds)} to read, {Seconds(report.PredictSeconds)} to segment"],
            ["Program", report.Program],
            ["Made", report.CreatedAt],
        ];
        if (report.Copies > 1)
        {
            run.Add(["Flips", $"{report.Copies} mirrored copies in each sample"]);
        }

        if (shrink > 1)
        {
            run.Add(["Pictures", $"at 1/{shrink} of the resolution along each axis, to fit into a page; the files beside it have all of it"]);
        }

        return new(title, report.IntendedUse, report.Warnings,
            [.. report.Classes.Select((c, n) => new PageClass(c.Name, c.Volume, c.SampleVolumeInterval, c.VolumeInterval, prediction.SampleVolumes[n]))],
            [.. report.Lesions.Take(MostLesions)], Math.Max(0, report.Lesions.Count - MostLesions), run, layers);
    }

    /// <summary>Writes what <paramref name="write"/> writes as base64 of gzip.</summary>
    private static void Compressed(Stream stream, Action<Stream> write)
    {
        using var text = new CryptoStream(stream, new ToBase64Transform(), CryptoStreamMode.Write, leaveOpen: true);
        using var compressed = new GZipStream(text, CompressionLevel.Optimal);
        write(compressed);
    }
}
