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
        var fold = new Option<int?>("--fold") { Description = "The fold that will validate, from 0: its cases are checked, but not measured. Give it for the plan of a `fit`; all cases are measured without it." };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the folds, as for fit.", DefaultValueFactory = _ => FitOptions.Defaults.Seed };

        var training = new FitOptions();

        var command = new Command("plan", "Check a data set, measure it, and write the plan that fit would use. Takes the options of fit, so that memory and parameters are those of that run.") { data, run, fold, seed };
        training.AddTo(command);
        training.CheckFold(command, result => result.GetValue(fold));
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var dataset = Dataset.Open(parse.GetRequiredValue(data).FullName);
            using var observer = ConsoleObserver.Create(isJson: false);
            var options = training.Read(parse, dataset.Folder, parse.GetRequiredValue(run).FullName);
            var device = TrainingLoop.ResolveDevice(options.Device);
            var folder = new RunFolder(options.Run);
            var survey = TrainingData.Survey(dataset, observer.Preparing, cancellation);
            TrainingData.RefuseTestScans(options, dataset, survey, observer.Preparing, cancellation);
            var split = parse.GetValue(fold) is { } held ? FoldSplit.Create(dataset, survey.LesionVolumes, options.Folds, held, options.SplitSeed ?? parse.GetValue(seed)).Remember(survey.ScanHashes, options.StartFrom) : null;
            var (made, fingerprint) = TrainingData.MakePlan(dataset, survey, split, folder);
            observer.Dispose();

            Console.WriteLine($"{dataset.Name}: {dataset.Cases.Count} cases, {dataset.Channels.Count} channels, {dataset.Classes.Count} classes, data hash {survey.DataHash[..16]}");
            var concern = split is null ? null : TrainingData.PlanConcern(made, split);
            if (made.MeasuredCases is { } measured)
            {
                Console.WriteLine($"  measured: {measured.Count} cases{(split is null || concern is not null ? "" : $", without the {split.Validation.Count} of fold {split.Fold}")}");
            }

            foreach (var (key, reason) in made.Reasons)
            {
                Console.WriteLine($"  {key}: {reason}");
            }

            Console.WriteLine($"  patch {made.PatchSize}, batch {made.BatchSize} -> {folder.Plan}");
            var plan = TrainingData.Override(made, options);
            TrainingLoop.RefuseUnfit(options, plan);
            var warnings = new List<string>();
            using var generator = new Generator(0);
            using var network = folder.StartNetwork(options, TrainingLoop.NetworkOptions(options, plan), plan, generator, warnings.Add);
            var memory = DeviceMemory.Of(device);
            var resources = ResourceCheck.Of(TrainingLoop.OfOnePass(plan, options), fingerprint, network, Optimisation.StatesOf(options.Optimiser), memory);
            warnings.AddRange([.. resources.Warnings, .. network.Options.Warnings(plan.BatchSize), .. new[] { concern, survey.PatientConcern }.OfType<string>()]);
            Console.WriteLine($"  a fit with these options ({FitOptions.Hyphenated(options.Posterior.ToString())}, width {plan.Width}, batch {plan.BatchSize}, {FitOptions.Hyphenated(options.Optimiser.ToString())}, on {memory.Name}):");
            foreach (var line in resources.Lines.Concat(warnings.Select(w => $"warning: {w}")))
            {
                Console.WriteLine($"    {line}");
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
