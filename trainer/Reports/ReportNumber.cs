using System.Globalization;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Reports;

/// <summary>Numbers as the pages write them: four significant digits, a dash for none.</summary>
internal static class ReportNumber
{
    /// <summary>A number.</summary>
    public static string Of(double? value) => value is { } v && double.IsFinite(v) ? v.ToString("G4", CultureInfo.InvariantCulture) : "-";

    /// <summary>A whole number.</summary>
    public static string Of(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A share, in per cent.</summary>
    public static string Share(double value) => string.Create(CultureInfo.InvariantCulture, $"{100 * value:G3} %");

    /// <summary>Mean with its interval over patients.</summary>
    public static string Of(PatientSummary? summary) => summary is null
        ? "-"
        : Of(summary.Mean) + (summary.Interval is { } interval ? $" ({Of(interval.Low)} to {Of(interval.High)})" : "");
}
