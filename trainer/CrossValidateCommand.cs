using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Evaluation.Statistics;
using Credence.Trainer.Reports;

namespace Credence.Trainer;

internal static class CrossValidateCommand
{
    private const ulong DefaultSplitSeed = 1;

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans: Decathlon layout, or one folder a case.", Required = true };
        var output = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder of the cross-validation; give it again to go on after an interruption.", Required = true };
        var seeds = new Option<ulong[]>("--seeds")
        {
            Description = "Seeds, separated by commas; every fold is trained once with each. Two or more show how much the seed matters.",
            CustomParser = result =>
            {
                var words = result.Tokens.SelectMany(t => t.Value.Split(',')).ToList();
                var numbers = words.Select(w => ulong.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : (ulong?)null).ToList();
                if (numbers.Contains(null) || numbers.Distinct().Count() < numbers.Count)
                {
                    result.AddError($"--seeds {string.Join(",", words)}: give whole numbers, each once, such as 1,2,3.");
                    return [];
                }

                return [.. numbers.OfType<ulong>()];
            },
            DefaultValueFactory = _ => [1, 2],
        };
        var splitSeed = new Option<ulong>("--split-seed") { Description = "Seed of the folds, which all networks share.", DefaultValueFactory = _ => DefaultSplitSeed };
        var samples = FitOptions.Samples("Monte Carlo samples of the out-of-fold predictions; a plain network runs once.");
        var shard = new ShardOption("networks");
        var json = new Option<bool>("--json") { Description = "Print the report as JSON on the output stream; progress goes to the error stream." };
        var withReport = new Option<bool>("--report") { Description = "Write report.html, one page over all networks, when all are done." };
        var training = new FitOptions();
        var metrics = new MetricArguments();

        var command = new Command("cross-validate", "Train folds x seeds, judge every case by networks that have not seen it, and split the variance.") { data, output, seeds, splitSeed, samples, json, withReport };
        shard.AddTo(command);
        training.AddTo(command, [splitSeed.Name, .. FitOptions.OfSeveralProcesses]);
        metrics.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var folder = parse.GetRequiredValue(output).FullName;
            var part = shard.Read(parse);
            var report = new CrossValidation(
                new()
                {
                    Training = training.Read(parse, parse.GetRequiredValue(data).FullName, folder) with { SplitSeed = parse.GetValue(splitSeed) },
                    Output = folder,
                    Seeds = parse.GetValue(seeds)!,
                    Samples = parse.GetValue(samples),
                    Shard = part,
                    Rules = metrics.Read(parse),
                },
                job =>
                {
                    Console.Error.WriteLine(job);
                    return ConsoleObserver.Create(parse.GetValue(json));
                },
                TimeProvider.System).Run(cancellation);
            if (report is null)
            {
                Console.WriteLine($"shard {part} is done; networks of other shards are missing, so there is no report yet. `credence-train merge {folder}` writes it, or names them.");
            }
            else
            {
                Show(report, folder, parse.GetValue(json), parse.GetValue(withReport));
            }

            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    /// <summary>Prints the report of a cross-validation that is done, and writes its page on request.</summary>
    public static void Show(CrossValidationReport report, string folder, bool isJson, bool withPage)
    {
        if (withPage)
        {
            CrossValidationPage.Write(report, folder);
        }

        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(report, TrainerJson.Lines));
            return;
        }

        Write(report);
        Console.WriteLine($"{report.Results.Count} networks, each judged on its fold -> {Path.Combine(folder, CrossValidationReport.FileName)}");
    }

    private static void Write(CrossValidationReport report)
    {
        static string Sigma(VarianceComponents? variance, string name) => EvaluateCommand.Number(variance?.Components.FirstOrDefault(c => c.Name == name)?.StandardDeviation);
        ResultTable.Write(
            ["metric", "patients", "undefined", "mean", "sd", "95 % interval", "sd seed", "sd fold", "sd case", "sd seed x fold", "sd residual"],
            [
                .. report.Metrics.Select(m => new[]
                {
                    m.Summary.Metric, $"{m.Summary.Patients}", m.Undefined, EvaluateCommand.Number(m.Summary.Mean), EvaluateCommand.Number(m.Summary.StandardDeviation), EvaluateCommand.Number(m.Summary.Interval),
                    Sigma(m.Variance, "seed"), Sigma(m.Variance, "fold"), Sigma(m.Variance, "case"), Sigma(m.Variance, "seed x fold"), Sigma(m.Variance, "residual"),
                }),
            ]);
        if (report.UndefinedMetrics.Count > 0)
        {
            Console.WriteLine($"Undefined in every case: {string.Join(", ", report.UndefinedMetrics)}.");
        }

        Console.WriteLine($"test set: {report.TestSet}");
        Console.WriteLine("Intervals are over patients. What each sd answers: docs/explanation/variance.md.");
    }
}
