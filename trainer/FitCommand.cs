using System.CommandLine;
using Credence.Trainer.Distributed;
using Credence.Trainer.Reports;
using Credence.Trainer.Training;

namespace Credence.Trainer;

internal static class FitCommand
{
    private static readonly string[] Resumable = ["--out", "--resume", "--json", "--data", "--epochs", "--minutes", "--patience", "--device", "--threads", "--workers", "--test-lock", "--report"];

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans: Decathlon layout, or one folder a case. Needed unless --resume." };
        var run = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder of the run: plan, log and checkpoints.", Required = true };
        var resume = new Option<bool>("--resume") { Description = "Go on from the last checkpoint in --out, with the options of that run; --data, --epochs, --minutes, --patience, --device, --threads, --workers and --test-lock may be changed, and --report may be given." };
        var fold = FitOptions.Fold("The fold that validates, from 0.");
        var seed = new Option<ulong>("--seed") { Description = "Seed of everything random.", DefaultValueFactory = _ => FitOptions.Defaults.Seed };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON on the output stream; progress goes to the error stream." };
        var withReport = new Option<bool>("--report") { Description = "Write report.html into the folder of the run when training is over, as `credence-train report` does." };
        var training = new FitOptions();

        var command = new Command("fit", "Train a network on one fold of a folder of scans.") { data, run, resume, fold, seed, json, withReport };
        training.AddTo(command);
        training.CheckFold(command, fold);
        command.Validators.Add(result =>
        {
            if (!result.GetValue(resume) && result.GetValue(data) is null)
            {
                result.AddError("Give --data, the folder of scans, or --resume.");
            }

            if (result.GetValue(resume))
            {
                foreach (var option in command.Options.Where(o => !Resumable.Contains(o.Name) && result.GetResult(o) is { Implicit: false }))
                {
                    result.AddError($"{option.Name} cannot change when a run is resumed; leave it out, or start a run of its own.");
                }
            }
        });
        command.SetAction((parse, cancellation) => Task.Run(() => ProcessGroup.Run(group =>
        {
            using var observer = ConsoleObserver.Create(parse.GetValue(json));
            ITrainingObserver receiver = group.Rank == 0 ? observer : new SilentObserver();
            var folder = parse.GetRequiredValue(run).FullName;
            var result = parse.GetValue(resume)
                ? TrainingLoop.Resume(folder, options => training.Change(parse, options, parse.GetValue(data)?.FullName), receiver, TimeProvider.System, cancellation, group)
                : TrainingLoop.Fit(
                    training.Read(parse, parse.GetRequiredValue(data).FullName, folder) with { Fold = parse.GetValue(fold), Seed = parse.GetValue(seed) },
                    receiver, TimeProvider.System, cancellation, group);
            if (group.Rank > 0)
            {
                return CommandLine.Done;
            }

            if (parse.GetValue(withReport))
            {
                RunReport.Write(new() { Run = folder, Device = new RunFolder(folder).ReadOptions().Device }, observer.Preparing, TimeProvider.System, cancellation);
            }

            observer.Finished(result);
            return CommandLine.Done;
        }), cancellation));
        return command;
    }
}
