using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Credence.Inference.Statistics;
using Credence.Models;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer;

internal static class ElboCommand
{
    private const string DefaultCoefficients = "0.01,0.1,1,10,100";

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans: Decathlon layout, or one folder a case.", Required = true };
        var output = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder of the sweep; give it again to go on after an interruption.", Required = true };
        var coefficients = new Option<IReadOnlyList<KlCoefficient>>("--tempers")
        {
            Description = $"Coefficients of the KL, separated by commas: temper factors, or the factor of another unit of the data term "
                + $"({string.Join(", ", KlCoefficient.Scalings.Select(s => FitOptions.Hyphenated(s.ToString())))}), to see what a wrong one does. {DefaultCoefficients} by default.",
            CustomParser = result =>
            {
                var parsed = new List<KlCoefficient>();
                foreach (var word in result.Tokens.SelectMany(t => t.Value.Split(',')))
                {
                    var scaling = KlCoefficient.Scalings.Cast<KlScaling?>().FirstOrDefault(s => FitOptions.Hyphenated(s!.Value.ToString()) == word);
                    if (scaling is null && !(double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && number >= 0 && double.IsFinite(number)))
                    {
                        result.AddError($"--tempers: '{word}' is neither a number of 0 or more nor one of {string.Join(", ", KlCoefficient.Scalings.Select(s => FitOptions.Hyphenated(s.ToString())))}.");
                        return [];
                    }

                    parsed.Add(scaling is null ? new(double.Parse(word, CultureInfo.InvariantCulture), null) : new(null, scaling));
                }

                return parsed;
            },
        };
        var samples = FitOptions.Samples("Monte Carlo samples of the held-out predictions.");
        var fold = FitOptions.Fold("The fold that is held out, from 0.");
        var seed = new Option<ulong>("--seed") { Description = "Seed of everything random, the same for all runs.", DefaultValueFactory = _ => FitOptions.Defaults.Seed };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON on the output stream; progress goes to the error stream." };
        var training = new FitOptions(defaultEpochs: 10);

        var command = new Command("elbo", "Measure which coefficient of the KL is right: runs that differ in nothing else, compared on held-out cases.") { data, output, coefficients, samples, fold, seed, json };
        training.AddTo(command, ["--posterior", "--temper", "--select", "--patience", "--drop-probability", "--dropout-placement", .. FitOptions.OfSeveralProcesses]);
        training.CheckFold(command, fold);
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var folder = parse.GetRequiredValue(output).FullName;
            var report = new ElboSweep(
                new()
                {
                    Training = training.Read(parse, parse.GetRequiredValue(data).FullName, folder) with { Fold = parse.GetValue(fold), Seed = parse.GetValue(seed), Posterior = Posterior.MeanField },
                    Output = folder,
                    Coefficients = parse.GetValue(coefficients) ?? [.. DefaultCoefficients.Split(',').Select(t => new KlCoefficient(double.Parse(t, CultureInfo.InvariantCulture), null))],
                    Samples = parse.GetValue(samples),
                },
                run =>
                {
                    Console.Error.WriteLine(run);
                    return ConsoleObserver.Create(parse.GetValue(json));
                },
                TimeProvider.System).Run(cancellation);
            if (parse.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(report, TrainerJson.Lines));
            }
            else
            {
                Write(report, folder);
            }

            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    private static void Write(ElboReport report, string folder)
    {
        static string Number(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
        Console.WriteLine(report.Objective);
        ResultTable.Write(
            ["coefficient", "lambda", "NLL", "95 % interval", "difference", "95 % interval", "ECE near", "Dice", "KL/weight", "SNR", "collapsed", "KL gradient", "cosine"],
            [
                .. report.Points.Select(p => (IReadOnlyList<string>)
                [
                    p.SameAs is { } scaling ? FitOptions.Hyphenated(scaling.ToString()) : p.Temper != 1 ? "tempered" : report.IsBound ? "Bayes" : "untempered",
                    Number(p.Temper, "G4"), p.DivergedAt is { } step ? $"diverged at step {step}" : Number(p.NegativeLogLikelihood?.Mean, "F5"), Range(p.NegativeLogLikelihood?.Interval),
                    Number(p.AgainstReference?.MeanDifference, "F5"), Range(p.AgainstReference?.Interval),
                    Number(p.ErrorNearLesions?.Mean, "F4"), Number(p.Dice?.Mean, "F4"), Number(p.KlPerWeight, "G3"), Number(p.SignalToNoise, "G3"),
                    Number(p.CollapsedShare, "P1"), Number(p.KlGradientShare, "P2"), Number(p.GradientCosine, "F2"),
                ]),
            ]);
        Console.WriteLine($"test set: {report.TestSet}");
        Console.WriteLine($"{report.Verdict} -> {Path.Combine(folder, ElboReport.FileName)}, elbo.csv, elbo.png");

        static string Range(Interval? interval) => interval is null ? "-" : $"{Number(interval.Low, "F5")} to {Number(interval.High, "F5")}";
    }
}
