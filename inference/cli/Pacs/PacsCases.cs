using System.Security.Cryptography;
using System.Text;
using Credence.InferenceCli.Batch;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Pacs;

/// <summary>Studies of a PACS as cases of a batch: found, chosen by the rules of the channels, and fetched when their turn comes.</summary>
/// <param name="client">The server.</param>
/// <param name="rules">How channels are recognised.</param>
/// <param name="folder">Fetched series lie here until their case is over.</param>
/// <param name="note">Told of files that are left out.</param>
internal sealed class PacsCases(DicomWebClient client, ChannelRules rules, string folder, Action<string> note)
{
    private const int MostSeries = 1000, MostInstances = 100_000;

    /// <summary>What holds no scan: results, reports, documents, measurements, plans.</summary>
    private static readonly HashSet<string> NoScans = ["SEG", "SR", "PR", "KO", "DOC", "REG", "RWV", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTRECORD", "FID", "M3D", "PLAN", "ANN"];

    /// <summary>Finds studies.</summary>
    /// <param name="criteria">Which.</param>
    /// <param name="most">More are refused.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="PacsException">The server cannot be used.</exception>
    /// <exception cref="InvalidImageFileException">There are none, or too many.</exception>
    public async Task<IReadOnlyList<PacsStudy>> FindAsync(PacsCriteria criteria, int most, CancellationToken cancellation)
    {
        var studies = new List<PacsStudy>();
        foreach (var query in criteria.Queries())
        {
            var found = await client.FindAsync("studies", query, DicomJson.StudyInstanceUid, most, cancellation);
            studies.AddRange(found.Select(s => new PacsStudy(DicomJson.Text(s, DicomJson.StudyInstanceUid), DicomJson.Text(s, DicomJson.StudyDate))));
        }

        studies = [.. studies.DistinctBy(s => s.Uid).OrderBy(s => s.Name, StringComparer.Ordinal)];
        return studies.Count == 0 ? throw new InvalidImageFileException(client.Url, "no study that matches", "at least one", "Check what is asked for, and the rights of the user.")
            : studies.Count > most ? throw new InvalidImageFileException(client.Url, $"more than {most} studies that match", "fewer", "Ask for less, or raise --most.")
            : studies;
    }

    /// <summary>Chooses the series of a study that may be scans of the channels. Of several that match a channel the files decide, as in a batch.</summary>
    /// <exception cref="PacsException">The server cannot be used.</exception>
    public async Task<PacsChoice> ChooseAsync(PacsStudy study, CancellationToken cancellation)
    {
        var found = await client.FindAsync($"studies/{study.Uid}/series",
            [("includefield", DicomJson.Modality), ("includefield", DicomJson.SeriesDescription), ("includefield", DicomJson.ProtocolName), ("includefield", DicomJson.SeriesNumber), ("includefield", DicomJson.SeriesInstances)],
            DicomJson.SeriesInstanceUid, MostSeries, cancellation);
        var all = found.Select(s => new PacsSeries(
            DicomJson.Text(s, DicomJson.SeriesInstanceUid), DicomJson.Text(s, DicomJson.Modality), DicomJson.Text(s, DicomJson.SeriesDescription), DicomJson.Text(s, DicomJson.ProtocolName),
            DicomJson.Integer(s, DicomJson.SeriesNumber), DicomJson.Integer(s, DicomJson.SeriesInstances) ?? 0)).ToList();
        var series = all.ToDictionary(s => client.SeriesUrl(study.Uid, s.Uid));
        var listed = series.Select(s => new FoundScan(s.Key, s.Value.Label, []) { Title = FoundScan.TitleOf(s.Value.Number, s.Value.Description) }).ToList();
        var scans = listed.Where(s => !NoScans.Contains(series[s.Path].Modality) && !rules.IsIgnored(s.Label)).ToList();
        var candidates = new List<PacsCandidate>();
        foreach (var rule in rules.All)
        {
            var matches = scans.Where(s => rule.MatchesSeries(series[s.Path].Modality, s.Label)).ToList();
            if (matches.Count == 0 && !(scans is [var only] && rules.MayBeOnlyChannel(only.Label)))
            {
                return new([], Selection.None(rule, listed));
            }

            candidates.AddRange((matches.Count > 0 ? matches : scans).Select(s => new PacsCandidate(rule.Channel, s, series[s.Path].Uid, series[s.Path].Instances)));
        }

        return new(candidates, null);
    }

    /// <summary>Fetches the studies one after the other, each when it is asked for.</summary>
    /// <param name="studies">Their cases become those of a batch, in this order.</param>
    /// <param name="isDone">Whether a case was done before from what the stamp stands for: then it is not fetched.</param>
    /// <param name="cancellation">Stops it.</param>
    public IEnumerable<BatchCase> Fetch(IEnumerable<PacsStudy> studies, Func<string, string, bool> isDone, CancellationToken cancellation) =>
        studies.Select(study => FetchOrFailAsync(study, isDone, cancellation).GetAwaiter().GetResult());

    private async Task<BatchCase> FetchOrFailAsync(PacsStudy study, Func<string, string, bool> isDone, CancellationToken cancellation)
    {
        var place = Path.Combine(folder, study.Name);
        void Release()
        {
            if (Directory.Exists(place))
            {
                Directory.Delete(place, recursive: true);
            }
        }

        try
        {
            var chosen = await ChooseAsync(study, cancellation);
            return chosen.Problem is not null
                ? new(study.Name, study.Uid, [], chosen.Problem)
                : await FetchAsync(study, [.. chosen.Candidates.Select(c => c.Scan).Distinct()], place, isDone, cancellation) with { Release = Release };
        }
        catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException)
        {
            Release();
            return new(study.Name, study.Uid, [], e.Message);
        }
    }

    private async Task<BatchCase> FetchAsync(PacsStudy study, IReadOnlyList<FoundScan> chosen, string place, Func<string, string, bool> isDone, CancellationToken cancellation)
    {
        // An instance never changes (PS3.3, C.12.1.1.3): its UID stands for its bytes.
        var instances = new List<IReadOnlyList<string>>();
        foreach (var scan in chosen)
        {
            var list = await client.FindAsync($"{scan.Path[client.Url.Length..]}/instances", [], DicomJson.SopInstanceUid, MostInstances, cancellation);
            instances.Add([.. list.Select(i => DicomJson.Text(i, DicomJson.SopInstanceUid)).Order(StringComparer.Ordinal)]);
        }

        var stamp = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Concat(chosen.Zip(instances, (scan, uids) => $"{scan.Path}\n{string.Join('\n', uids)}\n\n")))));
        if (isDone(study.Name, stamp))
        {
            return new(study.Name, study.Uid, []) { Stamp = stamp };
        }

        for (var n = 0; n < chosen.Count; n++)
        {
            await client.FetchAsync(chosen[n].Path, Path.Combine(place, $"series-{n + 1}"), instances[n].Count, cancellation);
        }

        var files = Directory.GetFiles(place, "*.dcm", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        var cases = new DicomCases(place, rules, note).Find(files, cancellation).ToList();
        var problem = cases.Find(c => c.Problem is not null)?.Problem;
        return cases is [{ Problem: null } one] && one.Source == study.Uid
            ? one with { Name = study.Name, Scans = [.. one.Scans.Select(s => s with { Path = client.SeriesUrl(study.Uid, s.Series!.Uid) })], Stamp = stamp }
            : new(study.Name, study.Uid, [], problem ?? $"{client.Url}: the server sent files of another study; expected those that were asked for. Report it to who runs the server.");
    }
}

/// <summary>A study of a PACS: nothing of the patient.</summary>
/// <param name="Uid">StudyInstanceUID.</param>
/// <param name="Date">StudyDate; empty where the server does not say.</param>
internal sealed record PacsStudy(string Uid, string Date)
{
    /// <summary>Name of its case.</summary>
    public string Name => CaseName.OfStudy(Uid);
}

/// <summary>A series, as the server describes it.</summary>
/// <param name="Uid">SeriesInstanceUID.</param>
/// <param name="Modality">Such as MR.</param>
/// <param name="Description">SeriesDescription; empty where the server does not say.</param>
/// <param name="Protocol">ProtocolName; empty where the server does not say.</param>
/// <param name="Number">SeriesNumber.</param>
/// <param name="Instances">NumberOfSeriesRelatedInstances; 0 where the server does not say.</param>
internal sealed record PacsSeries(string Uid, string Modality, string Description, string Protocol, int? Number, int Instances)
{
    /// <summary>What rules look at.</summary>
    public string Label => Description.Length > 0 ? Description : Protocol;
}

/// <summary>The series of a study that may be scans of the channels, or why there is none for one of them.</summary>
/// <param name="Candidates">One a channel, or several where the files must decide.</param>
/// <param name="Problem">null where there is none.</param>
internal sealed record PacsChoice(IReadOnlyList<PacsCandidate> Candidates, string? Problem);

/// <summary>A series that may be the scan of a channel.</summary>
/// <param name="Channel">Name in the manifest.</param>
/// <param name="Scan">Its address and label.</param>
/// <param name="SeriesUid">SeriesInstanceUID.</param>
/// <param name="Instances">As the server says; 0 where it does not.</param>
internal sealed record PacsCandidate(string Channel, FoundScan Scan, string SeriesUid, int Instances);
