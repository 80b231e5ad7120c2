using System.CommandLine;
using Credence.Trainer.Reports;

namespace Credence.Trainer;

internal static class ReportCommand
{
    private static readonly RunReportOptions Defaults = new() { Run = "" };

    public static Command Create()
    {
        var run = new Option<DirectoryInfo>("--run", "-r") { Description = "Folder of a run; the page is written into it.", Required = true };
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans; the one that the run was started with by default." };
        var samples = new Option<int>("--samples") { Description = "Monte Carlo samples a case; 0 runs the posterior mean, and a plain network runs once.", DefaultValueFactory = _ => Defaults.Samples };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the samples.", DefaultValueFactory = _ => Defaults.Seed };
        var testLock = new Option<FileInfo>("--test-lock") { Description = "Record of the looks at the test set; that of the run by default, else test-lock.json beside the data set." };
        var device = FitOptions.Device();
        samples.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--samples is below 0; 0 runs the posterior mean.");
            }
        });

        var command = new Command("report", "Judge a run on its validation cases and write report.html: curves, gradients, layers, calibration, worst cases.") { run, data, samples, seed, testLock, device };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            using var observer = ConsoleObserver.Create(isJson: false);
            var page = RunReport.Write(new()
            {
                Run = parse.GetRequiredValue(run).FullName,
                Data = parse.GetValue(data)?.FullName,
                Samples = parse.GetValue(samples),
                Seed = parse.GetValue(seed),
                TestLock = parse.GetValue(testLock)?.FullName,
                Device = parse.GetValue(device)!,
            }, observer.Preparing, TimeProvider.System, cancellation);
            observer.Dispose();
            Console.WriteLine(page);
            return CommandLine.Done;
        }, cancellation));
        return command;
    }
}
