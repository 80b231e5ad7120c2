using System.Globalization;
using System.Text;

namespace Credence.InferenceCli.Batch;

/// <summary>Tells what became of each case: a line in the list of cases, on the terminal and, for machines, on standard output.</summary>
/// <param name="total">Number of cases; null where it is not known.</param>
/// <param name="log">Takes a line of JSON a case.</param>
/// <param name="isJson">Whether standard output gets these lines too, in place of the table.</param>
/// <param name="bar">Receives the share of all cases that is done; null prints a line a case instead.</param>
/// <param name="clock">Source of the time that is left.</param>
internal sealed class BatchReporter(int? total, Action<string> log, bool isJson, IProgress<double>? bar, TimeProvider clock)
{
    private const int LongestName = 40;
    private const int LongestTable = 500; // rows; all are in the files

    private readonly Lock mutex = new();
    private readonly Dictionary<BatchCase, double> running = [];
    private readonly List<CaseRecord> records = []; // the first ones; all are in the files
    private readonly SortedDictionary<CaseStatus, int> counts = [];
    private readonly long start = clock.GetTimestamp();

    /// <summary>The number of cases that failed.</summary>
    public int Failures => counts.GetValueOrDefault(CaseStatus.Failed);

    private int Finishes => counts.Values.Sum();

    /// <summary>Takes the progress of a case.</summary>
    public IProgress<double>? ProgressOf(BatchCase @case) => bar is null ? null : new CaseProgress(share =>
    {
        lock (mutex)
        {
            running[@case] = share;
            ShowBar();
        }
    });

    /// <summary>Reports a case; from any thread.</summary>
    public void Finished(CaseRecord record)
    {
        lock (mutex)
        {
            counts[record.Status] = counts.GetValueOrDefault(record.Status) + 1;
            if (records.Count < LongestTable)
            {
                records.Add(record);
            }

            foreach (var ended in running.Keys.Where(c => c.Name == record.Case).ToList())
            {
                running.Remove(ended);
            }

            log(record.ToJson());
            if (isJson)
            {
                Console.WriteLine(record.ToJson());
            }

            ShowBar();
            if (bar is null && (!isJson || record.Status == CaseStatus.Failed))
            {
                Console.Error.WriteLine($"{(total is null ? "" : $"[{Finishes}/{total}] ")}{Line(record)}{TimeLeft()}");
            }
        }
    }

    /// <summary>A row a case, and how many there are of each status.</summary>
    public string Table()
    {
        var rows = records.OrderBy(r => r.Case, StringComparer.Ordinal).Select(r => new[]
        {
            r.Case.Length > LongestName ? r.Case[..(LongestName - 1)] + "…" : r.Case, Word(r.Status), Volumes(r), r.Samples?.ToString(CultureInfo.InvariantCulture) ?? "-",
            r.Seconds?.ToString("F1", CultureInfo.InvariantCulture) ?? "-",
        }).Prepend(["case", "status", "mL (95 %)", "samples", "seconds"]).ToList();
        var widths = Enumerable.Range(0, rows[0].Length).Select(n => rows.Max(r => r[n].Length)).ToArray();
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.AppendLine(string.Join("  ", row.Select((cell, n) => n < 3 ? cell.PadRight(widths[n]) : cell.PadLeft(widths[n]))));
        }

        foreach (var failure in records.Where(r => r.Status == CaseStatus.Failed && bar is not null))
        {
            text.AppendLine(Line(failure)); // the bar was in the way
        }

        if (Finishes > records.Count)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{Finishes - records.Count} more");
        }

        return text + Counts();
    }

    /// <summary>Runs cases under a progress bar, and keeps the list of cases and the page of the batch.</summary>
    /// <param name="title">Of the bar.</param>
    /// <param name="total">Number of cases.</param>
    /// <param name="output">Has the list.</param>
    /// <param name="summary">What is said of all cases.</param>
    /// <param name="isJson">Whether standard output gets lines of JSON in place of the table.</param>
    /// <param name="run">Runs the cases.</param>
    /// <returns>Exit code.</returns>
    public static int Run(string title, int total, BatchFolder output, BatchSummary summary, bool isJson, Func<BatchReporter, Task> run) => ProgressBar.Run(title, bar =>
    {
        var reporter = new BatchReporter(total, line => Log(output, summary, line), isJson, bar, TimeProvider.System);
        try
        {
            run(reporter).GetAwaiter().GetResult();
        }
        finally
        {
            output.CloseList(); // also of what was done before an interruption
            summary.Write();
        }

        summary.Finish();
        return reporter;
    }).End();

    /// <summary>Adds a case to the list, and now and then to the page.</summary>
    public static void Log(BatchFolder output, BatchSummary summary, string line)
    {
        output.Log(line);
        summary.Update();
    }

    /// <summary>Prints the table, unless lines of JSON were wanted.</summary>
    /// <returns>Exit code.</returns>
    public int End()
    {
        if (!isJson)
        {
            Console.WriteLine(Table());
        }

        return Failures > 0 ? CommandLine.SomeCasesFailed : CommandLine.Done;
    }

    /// <summary>Prints cases that are not run.</summary>
    /// <returns>Exit code.</returns>
    public static int List(IReadOnlyList<CaseRecord> records, bool isJson)
    {
        foreach (var record in records)
        {
            Console.WriteLine(isJson ? record.ToJson() : Line(record));
        }

        return records.Any(r => r.Status == CaseStatus.Failed) ? CommandLine.SomeCasesFailed : CommandLine.Done;
    }

    /// <summary>A case in one line.</summary>
    public static string Line(CaseRecord record) => record.Status switch
    {
        CaseStatus.Failed => $"error: {record.Case}: {record.Error}",
        CaseStatus.Selected => $"{record.Case}: {string.Join(", ", record.Inputs.Select(i => $"{i.Channel} = {i.Path}{(i.Description is null ? "" : $" \"{i.Description}\"")}"))}",
        _ => string.Create(CultureInfo.InvariantCulture, $"{record.Case}: {Word(record.Status)}, {Volumes(record)}, {record.Seconds:F1} s"),
    };

    /// <summary>How many cases there are of each status.</summary>
    private string Counts() => counts.Count == 0 ? "no case" : string.Join(", ", counts.Select(c => $"{c.Value} {Word(c.Key)}"));

    private static string Word(CaseStatus status) => EvaluationTables.Word(status);

    private static string Volumes(CaseRecord record) => record.Classes is null ? "-" : string.Join(", ", record.Classes.Select(c => $"{c.Name} {c.Describe(v => v.ToString("F2", CultureInfo.InvariantCulture))}"));

    private void ShowBar() => bar?.Report(total is > 0 ? Math.Min(1, (Finishes + running.Values.Sum()) / total.Value) : 0);

    /// <summary>From the mean time of the cases of this run; nothing where none was predicted yet.</summary>
    private string TimeLeft()
    {
        var (left, predicted) = ((total ?? 0) - Finishes, counts.GetValueOrDefault(CaseStatus.Done));
        if (left <= 0 || predicted == 0)
        {
            return "";
        }

        var time = clock.GetElapsedTime(start) / predicted * left;
        return string.Create(CultureInfo.InvariantCulture, $"; about {(time.TotalMinutes < 2 ? $"{Math.Ceiling(time.TotalSeconds)} s" : time.TotalHours < 2 ? $"{Math.Round(time.TotalMinutes)} min" : $"{Math.Round(time.TotalHours)} h")} left");
    }

    /// <summary>Reports on the calling thread, in order.</summary>
    private sealed class CaseProgress(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
