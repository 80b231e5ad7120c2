using System.CommandLine;
using System.Text.RegularExpressions;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

/// <summary>Puts the shards of a batch together, as if one process had run it.</summary>
internal static partial class MergeCommand
{
    private const int MostNames = 10; // of cases, in an error

    public static Command Create()
    {
        var output = new Argument<DirectoryInfo>("output") { Description = "The --output that the shards of a batch share." };
        var command = new Command("merge", "Put the shards of a batch together: list, table, manifest and page as if one process had run. Exit code 7 names shards that are missing.") { output };
        command.SetAction((parse, cancellation) => Task.Run(() => Run(parse.GetRequiredValue(output).FullName, cancellation), cancellation));
        return command;
    }

    private static int Run(string output, CancellationToken cancellation)
    {
        var count = CountOf(output);
        var manifests = new Shard(1, count).All.Select(s => (Shard: s, Manifest: BatchManifest.Read(Path.Combine(output, BatchManifest.FileOf(s))))).ToList();
        RefuseDifferences(output, [.. manifests.Select(m => m.Manifest).OfType<BatchManifest>()]);
        var missing = manifests.Select(m =>
        {
            cancellation.ThrowIfCancellationRequested();
            return Missing(output, m.Shard, m.Manifest);
        }).OfType<string>().ToList();
        if (missing.Count > 0)
        {
            missing.ForEach(m => Console.Error.WriteLine($"error: {output}: {m}"));
            Console.Error.WriteLine("Run the shards that are missing with the command of the others, then merge again.");
            return CommandLine.ShardsMissing;
        }

        var whole = manifests.Select(m => m.Manifest!).ToList();
        using var lists = new CaseLists(new Shard(1, count).All.Select(s => Path.Combine(output, BatchFolder.ListFile(s))));
        if (lists.InSeveralLists.Count > 0 || lists.Lines.Count != whole[0].Total)
        {
            throw new InvalidImageFileException(output, lists.InSeveralLists is [var twice, ..] ? $"case {twice} in two shards" : $"{lists.Lines.Count} cases",
                $"{whole[0].Total} cases, each in one shard", "The scans changed while the shards ran; run all shards again.");
        }

        var lost = lists.ByName.Where(l => l.Status is CaseStatus.Done or CaseStatus.Unchanged && !File.Exists(Path.Combine(output, l.Case, BatchFolder.CaseFile))).GroupBy(l => l.List, l => l.Case).OrderBy(g => g.Key).ToList();
        if (lost.Count > 0)
        {
            lost.ForEach(g => Console.Error.WriteLine($"error: {output}: {Lost(new(g.Key + 1, count), [.. g])}"));
            Console.Error.WriteLine("Copy the folders back, or run these shards again with the same command, which does these cases alone; then merge again.");
            return CommandLine.ShardsMissing;
        }

        cancellation.ThrowIfCancellationRequested(); // what follows is short
        using var folder = new BatchFolder(output, Shard.Whole);
        folder.CloseList();
        lists.WriteTo(Path.Combine(output, BatchFolder.ListFile(Shard.Whole)));
        var signer = whole.Select(m => m.ModelSigner).FirstOrDefault(s => s is not null); // all have one file, so that what one has checked holds for all
        var summary = new BatchSummary(folder, whole[0] with { Shard = 1, Shards = 1, Cases = whole[0].Total, FinishedAt = null, ModelSigner = signer }, TimeProvider.System);
        summary.Write();
        var merged = summary.Finish(whole.Min(m => m.StartedAt), whole.Max(m => m.FinishedAt));
        Console.WriteLine($"{count} shards, {merged.Total} cases: {merged.Done} done, {merged.Unchanged} unchanged, {merged.Failed} failed -> {output}");
        return merged.Failed > 0 ? CommandLine.SomeCasesFailed : CommandLine.Done;
    }

    /// <summary>How many shards there are, from the names of their files.</summary>
    private static int CountOf(string output)
    {
        var counts = Directory.Exists(output)
            ? Directory.EnumerateFiles(output).Select(f => ShardFile().Match(Path.GetFileName(f))).Where(m => m.Success)
                .Select(m => int.TryParse(m.Groups[1].ValueSpan, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var n) ? n : 0).Where(n => n > 0).Distinct().Order().ToList()
            : [];
        return counts switch
        {
            [var one] => one,
            [] => throw new InvalidImageFileException(output, "no shard", "the files batch-1-of-n.json and so on of `credence-infer batch --shard`", "Check the path."),
            _ => throw new InvalidImageFileException(output, $"shards of {string.Join(" and of ", counts)}", "those of one batch", "Remove the files batch-*-of-n.json and cases-*-of-n.jsonl of the batch that is not meant."),
        };
    }

    private static string? Missing(string output, Shard shard, BatchManifest? manifest) => manifest switch
    {
        null => $"shard {shard} is missing: it has not begun",
        { FinishedAt: null } => $"shard {shard} is missing: it has gone through {Done(output, shard)} of {manifest.Cases?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "?"} cases, and runs or was interrupted",
        _ when Done(output, shard) != manifest.Cases => $"shard {shard} is missing: its list has {Done(output, shard)} of {manifest.Cases} cases",
        _ => null,
    };

    private static string Lost(Shard shard, IReadOnlyList<string> cases) =>
        $"shard {shard} calls {cases.Count} case{(cases.Count == 1 ? "" : "s")} done without a {BatchFolder.CaseFile} in {(cases.Count == 1 ? "its folder" : "their folders")}: {string.Join(", ", cases.Take(MostNames))}"
        + (cases.Count > MostNames ? $" and {cases.Count - MostNames} more" : "");

    private static int Done(string output, Shard shard)
    {
        using var list = new CaseLists([Path.Combine(output, BatchFolder.ListFile(shard))]);
        return list.Lines.Count;
    }

    /// <summary>Shards of another model, of other options or of another tree are no part of one batch.</summary>
    private static void RefuseDifferences(string output, IReadOnlyList<BatchManifest> manifests)
    {
        foreach (var (name, value) in new (string, Func<BatchManifest, string>)[]
        {
            ("model SHA-256", m => m.ModelSha256), ("options SHA-256", m => m.OptionsSha256), ("program", m => m.Program), ("number of cases", m => $"{m.Total}"), ("page", m => m.HasPage ? "yes" : "no"),
        })
        {
            if (manifests.DistinctBy(value).Take(2).ToList() is [var one, var other])
            {
                throw new InvalidImageFileException(output, $"{name} {value(one)} in shard {one.Shard}/{one.Shards} and {value(other)} in shard {other.Shard}/{other.Shards}", "one for all shards",
                    "Run all shards with one model and the same options, on a tree that stays as it is.");
            }
        }
    }

    [GeneratedRegex(@"^(?:batch-\d+-of-(\d+)\.json|cases-\d+-of-(?<1>\d+)\.jsonl)$")]
    private static partial Regex ShardFile();
}
