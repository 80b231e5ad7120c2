using System.Globalization;
using Credence.Inference;
using Credence.MedicalIO.Dicom;

namespace Credence.InferenceCli.Batch;

/// <summary>A scan in the tree: a NIfTI file, or a DICOM series.</summary>
/// <param name="Path">The file, or the folder of the series.</param>
/// <param name="Label">What rules look at: the file's name without extension, or the series' description.</param>
/// <param name="Files">All its files, in order.</param>
/// <param name="Series">null for NIfTI.</param>
internal sealed record FoundScan(string Path, string Label, IReadOnlyList<string> Files, DicomSeries? Series = null)
{
    /// <summary>Name in messages.</summary>
    public string Title { get; init; } = Series is null ? System.IO.Path.GetFileName(Path) : TitleOf(Series.Number, Series.Description);

    /// <summary>Name of a series in messages.</summary>
    public static string TitleOf(int? number, string description) => $"series {number?.ToString(CultureInfo.InvariantCulture) ?? "-"} \"{description}\"";

    public Scan Read(TimeProvider clock) => Series is null ? Scan.Read(Path, clock) : Scan.Read(Path, Series, clock);
}

/// <summary>What belongs to one result.</summary>
/// <param name="Name">Name of its folder in the output; unique.</param>
/// <param name="Source">The folder or study that it was found in: tells cases of one name apart.</param>
/// <param name="Scans">One a channel, in the order of the manifest; empty where there is a problem.</param>
/// <param name="Problem">Why its scans cannot be told; null where they can.</param>
internal sealed record BatchCase(string Name, string Source, IReadOnlyList<FoundScan> Scans, string? Problem = null)
{
    /// <summary>What recognises the input at a glance where its files do not stay; null where they do.</summary>
    public string? Stamp { get; init; }

    /// <summary>Called when the case is over, whatever became of it; null where there is nothing to do.</summary>
    public Action? Release { get; init; }

    public IEnumerable<string> Files => Scans.SelectMany(s => s.Files);
}
