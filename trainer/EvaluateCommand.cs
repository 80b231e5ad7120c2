using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Credence.Inference.Statistics;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer;

internal static class EvaluateCommand
{
    private static readonly EvaluateOptions Defaults = new() { Runs = [], Data = "", Output = "" };

    public static Command Create()
    {
        var runs = new Option<DirectoryInfo[]>("--run", "-r") { Description = "Folder of a run; several are averaged as an ensemble.", Required = true, AllowMultipleArgumentsPerToken = true };
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans: Decathlon layout, or one folder a case.", Required = true };
        var output = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder for evaluation.json and the maps that are kept.", Required = true };
        var split = FitOptions.Kind("--split", "Cases that validate in all runs, or the held-out test set", Defaults.Split);
        var checkpoint = FitOptions.Kind("--checkpoint", "Weights that are judged: of the epoch that was best on the validation cases, or of the last", Defaults.Checkpoint);
        var samples = FitOptions.Samples("Monte Carlo samples; a plain network runs once.");
        var seed = new Option<ulong>("--seed") { Description = "Seed of the samples.", DefaultValueFactory = _ => Defaults.Seed };
        var keep = FitOptions.Kind("--keep", "Maps to keep", Defaults.Keep);
        var testLock = new Option<FileInfo>("--test-lock") { Description = "Record of the looks at the test set; test-lock.json beside the data set by default." };
        var device = FitOptions.Device();
        var json = new Option<bool>("--json") { Description = "Print the report as JSON on the output stream." };

        var command = new Command("evaluate", "Judge the networks of one or more runs as they would work in deployment.") { runs, data, output, split, checkpoint, samples, seed, keep, testLock, device, json };
        var metrics = new MetricArguments();
        metrics.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            using var observer = ConsoleObserver.Create(parse.GetValue(json));
            var report = RunEvaluation.Run(new()
            {
                Runs = [.. parse.GetRequiredValue(runs).Select(r => r.FullName)],
                Data = parse.GetRequiredValue(data).FullName,
                Output = parse.GetRequiredValue(output).FullName,
                Split = parse.GetValue(split),
                Checkpoint = parse.GetValue(checkpoint),
                Samples = parse.GetValue(samples),
                Seed = parse.GetValue(seed),
                Keep = parse.GetValue(keep),
                Rules = metrics.Read(parse),
                TestLock = parse.GetValue(testLock)?.FullName,
                Device = parse.GetValue(device)!,
            }, observer.Preparing, TimeProvider.System, cancellation);
            observer.Dispose();

            if (parse.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(report, TrainerJson.Lines));
            }
            else
            {
                WriteSummary(report.Summary);
                Console.WriteLine($"{report.Cases.Count} {(report.Split == EvaluationSplit.Test ? "test" : "validation")} cases, {(report.Checkpoint == CheckpointChoice.Best ? "best" : "last")} weights; intervals are 95 %, over patients"
                    + $" -> {Path.Combine(parse.GetRequiredValue(output).FullName, EvaluationReport.FileName)}");
                Console.WriteLine($"test set: {report.TestSetLock}");
                if (report.Selection is { } selection)
                {
                    Console.WriteLine($"warning: {selection}.");
                }
            }

            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    /// <summary>Four significant digits.</summary>
    public static string Number(double? value) => value?.ToString("G4", CultureInfo.InvariantCulture) ?? "-";

    /// <summary>Low to high.</summary>
    public static string Number(Interval? interval) => interval is null ? "-" : $"{Number(interval.Low)} to {Number(interval.High)}";

    private static void WriteSummary(IReadOnlyList<PatientSummary> summary) => ResultTable.Write(
        ["metric", "patients", "undefined", "mean", "sd", "95 % interval"],
        [.. summary.Select(m => new[] { m.Metric, $"{m.Patients}", $"{m.UndefinedCases}", Number(m.Mean), Number(m.StandardDeviation), Number(m.Interval) })]);
}
