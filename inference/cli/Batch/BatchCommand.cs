using System.CommandLine;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

internal static class BatchCommand
{
    private const double LongestWait = 5; // seconds from one look at a drop folder to the next

    public static Command Create()
    {
        var input = new Argument<DirectoryInfo>("folder") { Description = "Folder that is searched for NIfTI files and DICOM studies, with all folders below it." };
        var prediction = new PredictionArguments();
        var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder for a folder a case, cases.jsonl and index.html; created when missing.", Required = true };
        var channels = new ChannelArguments();
        var list = new Option<bool>("--list") { Description = "Show rules and cases with the chosen scans, and run nothing." };
        var jobs = Jobs();
        var shard = new ShardOption("cases");
        var watch = new Option<bool>("--watch") { Description = "Go on looking for new cases until interrupted; not with --shard." };
        var settle = PredictionArguments.Above0(new("--settle") { Description = "Seconds that a file must stay as it is before --watch takes it; 10 by default." });
        var json = new Option<bool>("--json") { Description = "Print a line of JSON a case in place of the table." };

        var command = new Command("batch", "Segment all cases of a folder; those that are done already are left as they are.") { input, output, list, jobs, watch, settle, json };
        shard.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(watch) && shard.Of(result) is { Count: > 1 } part)
            {
                result.AddError($"--watch with shard {part}: a shard is a place in a list, and the list grows while it is watched. Watch with one process and --jobs; --shard 1/1 leaves Slurm's and Kubernetes' variables alone.");
            }
        });
        channels.AddTo(command);
        prediction.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            new(Path.TrimEndingDirectorySeparator(parse.GetRequiredValue(input).FullName), Path.TrimEndingDirectorySeparator(parse.GetRequiredValue(output).FullName), channels.Read(parse),
                parse.GetValue(jobs), shard.Read(parse), TimeSpan.FromSeconds(parse.GetValue(settle) ?? 10), parse.GetValue(json)),
            prediction.Read(parse), parse.GetValue(list), parse.GetValue(watch), cancellation), cancellation));
        return command;
    }

    /// <summary>How many cases run at a time.</summary>
    public static Option<int> Jobs()
    {
        var jobs = new Option<int>("--jobs", "-j") { Description = "Cases predicted at a time, each in memory, and one more that is read meanwhile.", DefaultValueFactory = _ => 1 };
        jobs.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--jobs is below 1; give a whole number from 1.");
            }
        });
        return jobs;
    }

    private static async Task<int> Run(Arguments arguments, PredictionSettings settings, bool isList, bool isWatch, CancellationToken cancellation)
    {
        if (!Directory.Exists(arguments.Input))
        {
            throw new InvalidImageFileException(arguments.Input, "no such folder", "a folder with scans", "Check the path.");
        }

        var manifest = settings.ReadManifest();
        var rules = arguments.Patterns.For(manifest.Channels, out var problem);
        if (problem is not null)
        {
            await Console.Error.WriteLineAsync($"error: {problem}");
            return CommandLine.Usage;
        }

        var finder = new CaseFinder(arguments.Input, arguments.Output, rules, text => Console.Error.WriteLine($"note: left out: {text}"));
        if (isList)
        {
            return List(finder, rules, arguments, cancellation);
        }

        using var segmenter = settings.Load();
        using var output = new BatchFolder(arguments.Output, arguments.Shard);
        BatchSummary Summary(int? cases, int? total) => new(
            output, BatchManifest.Begin(segmenter, BatchRun.OptionsSha256(segmenter, settings), settings.WritesPage, arguments.Shard, cases, total, TimeProvider.System), TimeProvider.System);
        BatchRun Batch(BatchReporter reporter) => new(segmenter, settings, rules, output, reporter, TimeProvider.System);
        if (isWatch)
        {
            var summary = Summary(null, null);
            var reporter = new BatchReporter(null, line => BatchReporter.Log(output, summary, line), arguments.IsJson, null, TimeProvider.System);
            try
            {
                await Watch(finder, Batch(reporter), summary, arguments, cancellation);
            }
            finally
            {
                output.CloseList(); // also of what was done before a failure
                summary.Write();
            }

            return reporter.End();
        }

        var found = finder.Find(finder.Files(), cancellation);
        var cases = arguments.Shard.Select(found);
        if (cases.Count == 0 && arguments.Shard.Count == 1)
        {
            throw new InvalidImageFileException(arguments.Input, "no case", "NIfTI files or DICOM studies", "Check the path; `credence-infer batch --list` shows the rules.");
        }

        return BatchReporter.Run($"{cases.Count} case{(cases.Count == 1 ? "" : "s")}", cases.Count, output, Summary(cases.Count, found.Count), arguments.IsJson,
            reporter => Batch(reporter).RunAsync(cases, arguments.Jobs, cancellation));
    }

    private static int List(CaseFinder finder, ChannelRules rules, Arguments arguments, CancellationToken cancellation)
    {
        if (!arguments.IsJson)
        {
            Console.WriteLine(rules.Describe());
        }

        var records = arguments.Shard.Select(finder.Find(finder.Files(), cancellation)).Select(c => new CaseRecord
        {
            Case = c.Name,
            Status = c.Problem is null ? CaseStatus.Selected : CaseStatus.Failed,
            Inputs = CaseScan.Of(c, rules),
            Error = c.Problem,
        }).ToList();
        return BatchReporter.List(records, arguments.IsJson);
    }

    /// <summary>Takes cases as they come to rest. One whose scans cannot be told waits, since more may come; one that failed is tried again when it changes.</summary>
    private static async Task Watch(CaseFinder finder, BatchRun batch, BatchSummary summary, Arguments arguments, CancellationToken cancellation)
    {
        var folder = new DropFolder(arguments.Settle, TimeProvider.System);
        var (taken, waiting) = (new HashSet<(string, string)>(), new HashSet<(string, string)>());
        IReadOnlyList<string> last = [];
        string? trouble = null; // a folder on a network may be gone for a while
        try
        {
            while (true)
            {
                IReadOnlyList<BatchCase> cases = [];
                try
                {
                    var files = folder.Settled(finder.Files());
                    cases = files.SequenceEqual(last) ? [] : finder.Find(files, cancellation);
                    (last, trouble) = (files, null);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    if (trouble != e.Message)
                    {
                        trouble = e.Message;
                        await Console.Error.WriteLineAsync($"waiting: {trouble}");
                    }
                }

                if (cases.Count > 0)
                {
                    foreach (var @case in cases.Where(c => c.Problem is not null && waiting.Add((c.Name, c.Problem))))
                    {
                        await Console.Error.WriteLineAsync($"waiting: {@case.Name}: {@case.Problem}");
                    }

                    await batch.RunAsync([.. cases.Where(c => c.Problem is null && taken.Add((c.Name, CaseInput.Stamp(c))))], arguments.Jobs, cancellation);
                    summary.Write();
                }

                await Task.Delay(TimeSpan.FromSeconds(Math.Min(arguments.Settle.TotalSeconds / 2, LongestWait)), cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // That is how watching ends.
        }
    }

    /// <summary>What the command line says beside how predictions are made.</summary>
    private sealed record Arguments(
        string Input, string Output, ChannelPatterns Patterns, int Jobs, Shard Shard, TimeSpan Settle, bool IsJson);
}
