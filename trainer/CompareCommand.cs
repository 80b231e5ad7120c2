using System.CommandLine;
using System.Text.Json;
using Credence.MedicalIO;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer;

internal static class CompareCommand
{
    public static Command Create()
    {
        var results = new Argument<DirectoryInfo[]>("results") { Description = "Two or more folders of evaluate or cross-validate, on the same cases.", Arity = ArgumentArity.OneOrMore }.WithoutUnknownOptions();
        var metric = new Option<string>("--metric") { Description = "Metric: class/metric, or a metric alone for its mean over classes.", DefaultValueFactory = _ => "dice" };
        var output = new Option<FileInfo>("--out", "-o") { Description = "File for the comparison as JSON." };
        var testLock = new Option<FileInfo>("--test-lock") { Description = "Record of the looks at the test set, where it has moved since the evaluation." };
        var json = new Option<bool>("--json") { Description = "Print the comparison as JSON." };

        var command = new Command("compare", "Compare results case by case: difference, interval, tests.") { results, metric, output, testLock, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(results) is { Length: < 2 })
            {
                result.AddError("Give two results or more.");
            }
        });
        command.SetAction((parse, _) =>
        {
            var sides = parse.GetRequiredValue(results).Select(r => ComparedResult.Read(r.FullName)).ToList();
            var pairs = PairedComparison.All(sides, parse.GetRequiredValue(metric)); // what is refused is no look
            var uses = Look(sides, parse.GetRequiredValue(metric), parse.GetValue(testLock)?.FullName);
            var text = JsonSerializer.Serialize(new { comparisons = pairs, testSets = uses }, TrainerJson.Indented);
            if (parse.GetValue(output) is { } file)
            {
                OutputFile.WriteText(file.FullName, text + "\n");
            }

            if (parse.GetValue(json))
            {
                Console.WriteLine(text);
            }
            else
            {
                Write(pairs, uses);
            }

            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }

    /// <summary>A comparison on a test set is a look at it.</summary>
    private static IReadOnlyList<TestSetUse> Look(IReadOnlyList<ComparedResult> sides, string metric, string? testLock) =>
    [
        .. sides.Select(s => s.TestSet).OfType<TestSetUse>().Select(t => t with { Lock = testLock ?? t.Lock }).DistinctBy(t => (t.Hash, t.Lock)).Select(t => t with
        {
            Looks = new TestLock(t.Lock).LookAgain(t.Hash, $"compare {metric} of {string.Join(", ", sides.Select(s => s.Name))}", RunEvaluation.Program, TimeProvider.System),
        }),
    ];

    private static void Write(IReadOnlyList<PairedComparison> pairs, IReadOnlyList<TestSetUse> uses)
    {
        foreach (var pair in pairs)
        {
            Console.WriteLine(pair.Sentence);
        }

        ResultTable.Write(
            ["pair", "patients", "difference", "95 % interval", "d_z", "rank-biserial", "Wilcoxon p", "corrected t p"],
            [
                .. pairs.Select(p => new[]
                {
                    $"{Path.GetFileName(p.Second)} - {Path.GetFileName(p.First)}", $"{p.Patients}", EvaluateCommand.Number(p.MeanDifference), EvaluateCommand.Number(p.Interval),
                    EvaluateCommand.Number(p.StandardisedDifference), EvaluateCommand.Number(p.Wilcoxon?.RankBiserial), EvaluateCommand.Number(p.AdjustedPValue), EvaluateCommand.Number(p.CrossValidation?.PValue),
                }),
            ]);
        if (pairs.Count > 1)
        {
            Console.WriteLine($"warning: {pairs.Count} pairs are compared; Wilcoxon's p values are corrected together (Holm), the intervals and the t-test are not. The best of many looks better than it is.");
        }

        foreach (var use in uses)
        {
            Console.WriteLine($"{use}.");
        }
    }
}
