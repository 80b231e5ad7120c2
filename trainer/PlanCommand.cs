using System.CommandLine;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer;

internal static class PlanCommand
{
    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans: Decathlon layout, or one folder a case.", Required = true };
        var run = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder for plan.json and fingerprint.json; `fit --out` with the same folder uses the plan, edited or not.", Required = true };
        var folds = new Option<int?>("--folds") { Description = $"Number of folds, as for fit; {FitOptions.Defaults.Folds} by default." };
        var fold = new Option<int?>("--fold") { Description = "The fold that will validate, from 0: its cases are checked, but not measured. Give it for the plan of a `fit`; all cases are measured without it." };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the folds, as for fit.", DefaultValueFactory = _ => FitOptions.Defaults.Seed };

        var command = new Command("plan", "Check a data set, measure it, and write the plan that fit would use.") { data, run, folds, fold, seed };
        command.Validators.Add(result =>
        {
            var count = result.GetValue(folds) ?? FitOptions.Defaults.Folds;
            if (count < 2 || result.GetValue(fold) is < 0 || result.GetValue(fold) >= count)
            {
                result.AddError($"--fold {result.GetValue(fold)} of --folds {count}: give at least 2 folds, and a fold from 0 to folds - 1.");
            }
        });
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var dataset = Dataset.Open(parse.GetRequiredValue(data).FullName);
            using var observer = ConsoleObserver.Create(isJson: false);
            var folder = new RunFolder(parse.GetRequiredValue(run).FullName);
            var survey = TrainingData.Survey(dataset, observer.Preparing, cancellation);
            var split = parse.GetValue(fold) is { } held
                ? FoldSplit.Create(dataset, survey.LesionVolumes, parse.GetValue(folds) ?? FitOptions.Defaults.Folds, held, parse.GetValue(seed)) : null;
            var (plan, fingerprint) = TrainingData.MakePlan(dataset, survey, split, folder);
            observer.Dispose();

            Console.WriteLine($"{dataset.Name}: {dataset.Cases.Count} cases, {dataset.Channels.Count} channels, {dataset.Classes.Count} classes, data hash {survey.DataHash[..16]}");
            if (plan.MeasuredCases is { } measured)
            {
                Console.WriteLine($"  measured: {measured.Count} cases{(split is null ? "" : $", without the {split.Validation.Count} of fold {split.Fold}")}");
            }

            foreach (var (key, reason) in plan.Reasons)
            {
                Console.WriteLine($"  {key}: {reason}");
            }

            Console.WriteLine($"  patch {plan.PatchSize}, batch {plan.BatchSize} -> {folder.Plan}");
            using var generator = new Generator(0);
            using var network = UNet.Build(TrainingLoop.NetworkOptions(FitOptions.Defaults, plan), generator);
            var resources = ResourceCheck.Of(plan, fingerprint, network, Optimisation.StatesOf(FitOptions.Defaults.Optimiser), DeviceMemory.Of(CPU));
            foreach (var line in resources.Lines.Concat(resources.Warnings.Select(w => $"warning: {w}")))
            {
                Console.WriteLine($"  {line}");
            }

            if (dataset.Assumptions.Count > 0)
            {
                var proposal = Path.Combine(parse.GetRequiredValue(run).FullName, Dataset.DescriptionFile);
                OutputFile.WriteText(proposal, ScanFolderLayout.Describe(dataset) + "\n");
                Console.WriteLine($"Assumed, because there is no {Dataset.DescriptionFile}:");
                foreach (var assumption in dataset.Assumptions)
                {
                    Console.WriteLine($"  {assumption}");
                }

                Console.WriteLine($"Check {proposal} and copy it into {dataset.Folder}.");
            }

            return CommandLine.Done;
        }, cancellation));
        return command;
    }
}
