using System.Globalization;
using System.Text.Json;
using Credence.Inference;
using Credence.InferenceCli.Page;

namespace Credence.InferenceCli.Batch;

/// <summary>Keeps the page over all cases of a batch: of all processes that share the output, from the lists of cases that they write.</summary>
/// <param name="output">The output of the batch.</param>
/// <param name="work">A folder on the same disk that only this process writes.</param>
/// <param name="shard">Which of the processes this is.</param>
/// <param name="total">How many cases there are over all processes; null where that is not known.</param>
/// <param name="segmenter">What is run.</param>
/// <param name="clock">Source of time.</param>
internal sealed class BatchIndex(string output, string work, Shard shard, int? total, LesionSegmenter segmenter, TimeProvider clock)
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly Lock mutex = new();
    private long? last;

    /// <summary>Brings the page up to date while cases are predicted, every ten seconds at most, since each time all cases are written.</summary>
    public void Update()
    {
        lock (mutex)
        {
            if (last is { } before && clock.GetElapsedTime(before) < Pause)
            {
                return;
            }

            last = clock.GetTimestamp();
            try
            {
                WriteOnce();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // No case fails for that; the page is written once more at the end, where this is an error.
            }
        }
    }

    /// <summary>Writes the page.</summary>
    /// <remarks>Another process may read the lists before this one ends and rename its page after it: each looks again after its own renaming, so the last page has all lines.</remarks>
    public void Write()
    {
        lock (mutex)
        {
            Dictionary<string, long> sizes;
            do
            {
                sizes = Lists().ToDictionary(l => l.Path, l => Length(l.Path));
                WriteOnce();
            }
            while (Lists().Any(l => Length(l.Path) != sizes[l.Path]));
        }
    }

    private void WriteOnce()
    {
        var lists = Lists().ToList();
        var records = lists.SelectMany(l => Records(l.Path)).GroupBy(r => r.Case).Select(same => same.Last()).ToList(); // --watch tries a case again
        var path = Path.Combine(work, BatchPage.File);
        BatchPage.Write(path, new(
            $"Cases of {Path.GetFileName(Path.TrimEndingDirectorySeparator(output))}",
            segmenter.Manifest.IntendedUse,
            [.. records.Select(r => new BatchPageCase(r, PageOf(r)))],
            total,
            shard.Count,
            [.. lists.Where(l => !File.Exists(l.Path)).Select(l => l.Number)],
            [
                ("Model", segmenter.Manifest.Name), ("Model SHA-256", segmenter.ModelSha256), ("Program", $"credence-infer {typeof(BatchIndex).Assembly.GetName().Version?.ToString(3)}"),
                ("Made", clock.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)),
            ]));
        File.Move(path, Path.Combine(output, BatchPage.File), overwrite: true);
    }

    private string? PageOf(CaseRecord record) =>
        File.Exists(Path.Combine(output, record.Case, CasePage.File)) ? $"{Uri.EscapeDataString(record.Case)}/{CasePage.File}" : null;

    /// <summary>The list of each process, whether it is there or not.</summary>
    private IEnumerable<(int Number, string Path)> Lists() => Enumerable.Range(0, shard.Count).Select(n => (n + 1, Path.Combine(output, BatchFolder.ListFile(shard with { Index = n }))));

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : -1;

    private static List<CaseRecord> Records(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var records = new List<CaseRecord>();
        while (reader.ReadLine() is { } line)
        {
            try
            {
                records.Add(JsonSerializer.Deserialize(line, CaseJson.Default.CaseRecord)!);
            }
            catch (JsonException)
            {
                // A process was stopped by a full disk or a power cut within this line, or is of another version; its next run writes the list anew.
            }
        }

        return records;
    }
}
