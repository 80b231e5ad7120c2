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

        var command = new Command("plan", "Check a data set, measure it, and write the plan that fit would use.") { data, run };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var dataset = Dataset.Open(parse.GetRequiredValue(data).FullName);
            using var observer = ConsoleObserver.Create(isJson: false);
            var folder = new RunFolder(parse.GetRequiredValue(run).FullName);
            var survey = TrainingData.Survey(dataset, observer.Preparing, cancellation);
            var (plan, fingerprint) = TrainingData.MakePlan(dataset, survey, split: null, folder);
            observer.Dispose();

            Console.WriteLine($"{dataset.Name}: {dataset.Cases.Count} cases, {dataset.Channels.Count} channels, {dataset.Classes.Count} classes, data hash {survey.DataHash[..16]}");
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
