using System.Globalization;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

/// <summary><c>cases.csv</c>: a row for each case and foreground class.</summary>
internal static class CaseTable
{
    /// <summary>Name of the file in the output of a batch.</summary>
    public const string File = "cases.csv";

    private static readonly string[] Columns =
    [
        "case", "status", "class", "volume-ml", "volume-low-95", "volume-high-95", "volume-interval-low", "volume-interval-high", "lesions", "lesions-low-95", "lesions-high-95", "structural-uncertainty", "samples", "seconds", "warnings", "error",
    ];

    /// <summary>Writes the table.</summary>
    public static void Write(string path, IEnumerable<CaseRecord> records) => OutputFile.WriteCsv(path, Columns, records.SelectMany(Rows));

    /// <summary>A case without result has one row, without class.</summary>
    private static IEnumerable<IReadOnlyList<string?>> Rows(CaseRecord record) => (record.Classes is { Count: > 0 } classes ? classes : [null!]).Select(c => (IReadOnlyList<string?>)
    [
        record.Case, EvaluationTables.Word(record.Status), c?.Name, Number(c?.Volume), Number(c?.Interval?[0]), Number(c?.Interval?[1]),
        Number(c?.VolumeInterval?[0]), Number(c?.VolumeInterval?[1]), Number(c?.Lesions), Number(c?.LesionInterval?[0]), Number(c?.LesionInterval?[1]), Number(c?.StructuralUncertainty), Number(record.Samples), Number(record.Seconds), record.Warnings is null ? null : string.Join(" | ", record.Warnings), record.Error,
    ]);

    private static string? Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture);
}
