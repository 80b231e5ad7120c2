using System.Text.RegularExpressions;

namespace Credence.InferenceCli.Pacs;

/// <summary>Which studies are asked for; what is null does not count.</summary>
internal sealed partial record PacsCriteria
{
    /// <summary>StudyInstanceUIDs.</summary>
    public IReadOnlyList<string> Studies { get; init; } = [];

    /// <summary>PatientID.</summary>
    public string? Patient { get; init; }

    /// <summary>AccessionNumber.</summary>
    public string? Accession { get; init; }

    /// <summary>A modality in the study, such as MR.</summary>
    public string? Modality { get; init; }

    /// <summary>StudyDate: YYYYMMDD, or a range with a hyphen.</summary>
    public string? Date { get; init; }

    /// <summary>One query a study that is named, or one for all.</summary>
    public IEnumerable<IReadOnlyList<(string Name, string Value)>> Queries()
    {
        List<(string, string)> common = [];
        void Add(string name, string? value)
        {
            if (value is not null)
            {
                common.Add((name, value));
            }
        }

        Add("PatientID", Patient);
        Add("AccessionNumber", Accession);
        Add("ModalitiesInStudy", Modality);
        Add("StudyDate", Date);
        return Studies.Count == 0 ? [common] : Studies.Select(IReadOnlyList<(string, string)> (s) => [("StudyInstanceUID", s), .. common]);
    }

    /// <summary>Why these cannot be asked for; null where they can. No value is part of the text.</summary>
    public string? Problem() =>
        Studies.Any(s => !DicomJson.IsUid(s)) ? "--study is no UID; give digits and dots."
        : new[] { ("--patient-id", Patient), ("--accession", Accession) }.FirstOrDefault(v => v.Item2 is { } text && (text.Trim(' ', '*', '?').Length == 0 || text.Contains('\\', StringComparison.Ordinal))) is ({ } option, _) ? $"{option} is empty, all wildcards, or has a backslash; give a value."
        : Modality is not null && !ModalityCode().IsMatch(Modality) ? "--modality is no code; give one such as MR."
        : Date is not null && !DateOrRange().IsMatch(Date) ? "--date is no date; give YYYYMMDD, or a range such as 20260101-20260131, 20260101- or -20260131."
        : Studies.Count == 0 && (Patient ?? Accession ?? Date) is null ? "no study is named; give --study, --patient-id, --accession or --date."
        : null;

    [GeneratedRegex("^[A-Z0-9_]{1,16}$")]
    private static partial Regex ModalityCode();

    [GeneratedRegex(@"^(\d{8}(-(\d{8})?)?|-\d{8})$")]
    private static partial Regex DateOrRange();
}
