using System.Globalization;
using System.Text;
using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.InferenceCli;

/// <summary>The report as tables: CSV by RFC 4180 for programs, aligned columns for people.</summary>
internal static class EvaluationTables
{
    /// <summary>What a terminal shows; the files hold every metric.</summary>
    private static readonly string[] Shown =
    [
        "dice", "ndsc", "iou", "absolute-volume-difference-ml", "hd95-mm", "assd-mm", "nsd", "lesion-precision", "lesion-recall", "lesion-f1", "pq",
        "nll-near", "brier-near", "ece-near", "ace-near", "ndsc-r-auc", "lesion-f1-retention-area", "error-auroc", "error-average-precision",
    ];

    private static readonly string[] Header = ["", "mean", "95 % interval", "median", "sd", "cases", "undefined"];

    public static void Write(string folder, EvaluationReport report)
    {
        string[] names = [.. report.Summary.Select(m => m.Name)];
        OutputFile.WriteCsv(Path.Combine(folder, "cases.csv"), ["case", "empty-cases", .. names], report.Cases.Select(
            c => (string?[])[c.Case, Word(report.Settings.EmptyCases), .. names.Select(n => Number(c.Values.GetValueOrDefault(n)))]));
        OutputFile.WriteCsv(
            Path.Combine(folder, "summary.csv"),
            ["metric", "cases", "undefined", "empty-cases", "empty-case-policy", "mean", "median", "sd", "mean-low-95", "mean-high-95"],
            report.Summary.Select(m => (string?[])
            [
                m.Name, Number(m.Cases), Number(m.Undefined), Number(m.EmptyCases), Word(m.Policy),
                Number(m.Mean), Number(m.Median), Number(m.StandardDeviation), Number(m.Low), Number(m.High),
            ]));
        OutputFile.WriteCsv(
            Path.Combine(folder, "lesions.csv"),
            ["case", "class", "side", "lesion", "voxels", "volume-mm3", "outcome", "partner", "iou", "iou-adjusted", "mean-uncertainty"],
            report.Cases.SelectMany(c => c.Classes.SelectMany(d => Lesions(c.Case, d))));
    }

    public static string Describe(EvaluationReport report)
    {
        var rows = new List<string[]> { Header };
        rows.AddRange(report.Summary.Where(m => Shown.Contains(m.Name[(m.Name.IndexOf('/', StringComparison.Ordinal) + 1)..])).Select(m => new[]
        {
            m.Name, Short(m.Mean), m.Low is null ? "-" : $"{Short(m.Low)} to {Short(m.High)}", Short(m.Median), Short(m.StandardDeviation), Number(m.Cases)!, Number(m.Undefined)!,
        }));
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            for (var column = 0; column < row.Length; column++)
            {
                var width = rows.Max(r => r[column].Length);
                text.Append(column == 0 ? row[column].PadRight(width) : "  " + row[column].PadLeft(width));
            }

            text.AppendLine();
        }

        var settings = report.Settings;
        text.Append(CultureInfo.InvariantCulture,
            $"lesions: {settings.Connectivity} neighbours, {Word(settings.Matching)} matching from IoU {settings.LesionThreshold}; surface tolerance {settings.SurfaceToleranceMm} mm; empty cases: {Word(settings.EmptyCases)}");
        return text.ToString();
    }

    /// <summary>The word of an enum on the command line and in files: one-to-one for OneToOne.</summary>
    public static string Word<T>(T value)
        where T : struct, Enum =>
        string.Concat(value.ToString().Select((c, n) => char.IsUpper(c) && n > 0 ? $"-{char.ToLowerInvariant(c)}" : $"{char.ToLowerInvariant(c)}"));

    private static IEnumerable<string?[]> Lesions(string name, ClassDetails details) =>
        details.PredictedLesions.Select((p, n) => (string?[])
        [
            name, details.Class, "prediction", Number(n + 1), Number(p.Voxels), Number(p.Volume), p.IsTruePositive ? "true-positive" : "false-positive",
            Number(p.Partner + 1), Number(p.IntersectionOverUnion), Number(p.AdjustedIntersectionOverUnion), Number(p.MeanUncertainty),
        ]).Concat(details.ReferenceLesions.Select((r, n) => (string?[])
        [
            name, details.Class, "reference", Number(n + 1), Number(r.Voxels), Number(r.Volume), r.IsFalseNegative ? "false-negative" : "found",
            null, Number(r.IntersectionOverUnion), null, Number(r.MeanUncertainty),
        ]));

    private static string? Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture);

    private static string Short(double? value) => value?.ToString(Math.Abs(value.Value) >= 100 ? "F1" : "F4", CultureInfo.InvariantCulture) ?? "-";
}
