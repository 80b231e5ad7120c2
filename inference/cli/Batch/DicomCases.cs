using System.Collections.Concurrent;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Batch;

/// <summary>Sorts DICOM files into studies and picks a series for each channel.</summary>
/// <param name="root">The tree.</param>
/// <param name="rules">How channels are recognised.</param>
/// <param name="note">Told of files that are left out, such as screenshots.</param>
internal sealed class DicomCases(string root, ChannelRules rules, Action<string> note)
{
    /// <summary>Results of programs, ours among them: segmentations, label map segmentations, parametric maps.</summary>
    private static readonly string[] Results = ["1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", "1.2.840.10008.5.1.4.1.1.30"];

    public IEnumerable<BatchCase> Find(IEnumerable<string> files, CancellationToken cancellation)
    {
        var problems = new ConcurrentQueue<MedicalImageException>();
        var series = DicomSeries.Scan(root, [.. files.Where(f => !NiftiFile.HasExtension(f))], problems.Enqueue, cancellation);
        var notes = series.SelectMany(s => s.Notes).ToHashSet();
        var studies = series.Where(s => !Results.Contains(s.SopClassUid)).GroupBy(s => s.StudyUid.Length > 0 ? s.StudyUid : Folder(s))
            .Select(study => (Uid: study.Key, Series: study.ToList())).ToList();

        // A file that belongs to no series that was found would vanish without a word: a damaged one is a case that fails, and so is one of a kind that is not read, unless it is of a study that has scans.
        var alone = problems.Where(p => !notes.Contains(p.Message)).ToLookup(p => p is UnsupportedImageException && DicomInstance.Read(p.Path)?.StudyUid is { } study && studies.Exists(s => s.Uid == study));
        foreach (var picture in alone[true])
        {
            note(picture.Message);
        }

        return studies.Select(s => InStudy(s.Uid, s.Series)).Concat(alone[false].GroupBy(p => Path.GetDirectoryName(p.Path)!)
            .Select(folder => new BatchCase(CaseName.Of(root, folder.Key, ""), Path.GetRelativePath(root, folder.Key), [], folder.Select(p => p.Message).Order(StringComparer.Ordinal).First())));
    }

    private BatchCase InStudy(string study, IReadOnlyList<DicomSeries> all)
    {
        var folders = all.CountBy(Folder).ToDictionary();
        var found = all.Select(s => new FoundScan(
            s.Files.Count == 1 ? s.Files[0] : folders[Folder(s)] == 1 ? Folder(s) : $"{Folder(s)} series {s.Number}",
            s.Description.Length > 0 ? s.Description : s.Protocol, s.Files, s)).ToList();
        var scans = found.Where(s => !rules.IsIgnored(s.Label)).ToList();
        var selection = Selection.Of(rules, n => Matches(rules.All[n], scans), found);
        return new(CaseName.OfStudy(root, CommonFolder(all.SelectMany(s => s.Files)), study), study, selection.Scans, selection.Problem);
    }

    /// <summary>By description; where none matches, by the name of the folder; then, for a model of one channel, the only series. Of several the ones that were not derived from others.</summary>
    private List<FoundScan> Matches(ChannelRule rule, List<FoundScan> scans)
    {
        var matches = scans.Where(s => rule.MatchesSeries(s.Series!.Modality, s.Label)).ToList();
        if (matches.Count == 0)
        {
            matches = [.. scans.Where(s => rule.Pattern.IsMatch(Path.GetFileName(Folder(s.Series!))))];
        }

        var original = matches.Where(s => !s.Series!.Stacks[0].Kind.StartsWith("DERIVED", StringComparison.Ordinal)).ToList();
        return matches.Count > 1 && original.Count > 0 ? original
            : matches.Count == 0 && scans is [var only] && rules.MayBeOnlyChannel(only.Label) ? [only]
            : matches;
    }

    private static string Folder(DicomSeries series) => Path.GetDirectoryName(series.Files[0])!;

    private static string CommonFolder(IEnumerable<string> files) => files.Select(f => Path.GetDirectoryName(f)!).Distinct().Aggregate((a, b) =>
    {
        while (a != b && !b.StartsWith(a.TrimEnd('/') + "/", StringComparison.Ordinal))
        {
            a = Path.GetDirectoryName(a)!;
        }

        return a;
    });
}
