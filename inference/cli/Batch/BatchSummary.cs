using Credence.InferenceCli.Page;

namespace Credence.InferenceCli.Batch;

/// <summary>Keeps what a batch says of all its cases: list, table, manifest and page. The page is of all processes that share the output, from the lists that they write.</summary>
internal sealed class BatchSummary
{
    private const int LongestPage = 2000; // rows that a browser sorts at once

    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);
    private const int LargestShare = 20; // of the time, one part in so many

    private readonly BatchFolder output;
    private readonly TimeProvider clock;
    private readonly Shard shard;
    private readonly Lock mutex = new();
    private readonly int longestPage;
    private BatchManifest manifest;
    private long? last;
    private TimeSpan pause = Pause;

    /// <summary>Writes the manifest of a run that begins.</summary>
    /// <param name="output">The output of the batch.</param>
    /// <param name="manifest">What is run.</param>
    /// <param name="clock">Source of time.</param>
    /// <param name="longestPage">Most rows of the page.</param>
    public BatchSummary(BatchFolder output, BatchManifest manifest, TimeProvider clock, int longestPage = LongestPage)
    {
        (this.output, this.manifest, this.clock, this.longestPage) = (output, manifest, clock, longestPage);
        shard = new(manifest.Shard, manifest.Shards);
        manifest.Write(output.Folder);
    }

    /// <summary>Brings the page up to date while cases are predicted: every ten seconds at most, and for a twentieth of the time, since each time all lists are read.</summary>
    public void Update()
    {
        lock (mutex)
        {
            if (!manifest.HasPage || (last is { } before && clock.GetElapsedTime(before) < pause))
            {
                return;
            }

            var begun = clock.GetTimestamp();
            try
            {
                WritePage();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // No case fails for that; the page is written once more at the end, where this is an error.
            }

            last = clock.GetTimestamp();
            var took = clock.GetElapsedTime(begun, last.Value);
            pause = took * LargestShare > Pause ? took * LargestShare : Pause;
        }
    }

    /// <summary>Writes page and table.</summary>
    /// <remarks>Another process may read the lists before this one ends and rename its page after it: each looks again after its own renaming, so the last page has all lines.</remarks>
    public void Write()
    {
        lock (mutex)
        {
            if (shard.Count == 1)
            {
                using var lists = new CaseLists(Lists());
                CaseTable.Write(Path.Combine(output.Folder, CaseTable.File), lists.Read(lists.ByName));
            }

            Dictionary<string, long> sizes;
            do
            {
                sizes = Lists().ToDictionary(l => l, Length);
                if (manifest.HasPage)
                {
                    WritePage();
                }
            }
            while (Lists().Any(l => Length(l) != sizes[l]));
        }
    }

    /// <summary>Says in the manifest that all cases were gone through.</summary>
    /// <param name="began">When the first process began; null for this run.</param>
    /// <param name="ended">When the last one ended; null for now.</param>
    /// <returns>The manifest, with the number of cases of each status.</returns>
    public BatchManifest Finish(string? began = null, string? ended = null)
    {
        using var own = new CaseLists([Path.Combine(output.Folder, BatchFolder.ListFile(shard))]);
        int Count(CaseStatus status) => own.Lines.Count(l => l.Status == status);
        manifest = manifest with
        {
            Done = Count(CaseStatus.Done),
            Unchanged = Count(CaseStatus.Unchanged),
            Failed = Count(CaseStatus.Failed),
            StartedAt = began ?? manifest.StartedAt,
            FinishedAt = ended ?? BatchManifest.Now(clock),
        };
        manifest.Write(output.Folder);
        return manifest;
    }

    private void WritePage()
    {
        using var lists = new CaseLists(Lists());
        var path = Path.Combine(output.Work, BatchPage.File);
        BatchPage.Write(path, new(
            $"Cases of {Path.GetFileName(Path.TrimEndingDirectorySeparator(output.Folder))}",
            manifest.IntendedUse,
            lists.Lines,
            lists.Read(BatchPage.Order(lists.Lines).Take(longestPage)).Select(r => new BatchPageCase(r, PageOf(r))),
            manifest.Total,
            shard.Count,
            [.. shard.All.Where(s => !File.Exists(Path.Combine(output.Folder, BatchFolder.ListFile(s)))).Select(s => s.Number)],
            [("Model", manifest.Model), ("Model SHA-256", manifest.ModelSha256), ("Model signed with key", manifest.ModelSigner ?? "not checked"), ("Program", manifest.Program), ("Made", BatchManifest.Now(clock))]));
        File.Move(path, Path.Combine(output.Folder, BatchPage.File), overwrite: true);
    }

    private string? PageOf(CaseRecord record) =>
        File.Exists(Path.Combine(output.Folder, record.Case, CasePage.File)) ? $"{Uri.EscapeDataString(record.Case)}/{CasePage.File}" : null;

    /// <summary>The list of each process, whether it is there or not.</summary>
    private IEnumerable<string> Lists() => shard.All.Select(s => Path.Combine(output.Folder, BatchFolder.ListFile(s)));

    private static long Length(string path) => new FileInfo(path) is { Exists: true } file ? file.Length : -1;
}
