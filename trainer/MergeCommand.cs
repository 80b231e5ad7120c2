using System.CommandLine;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer;

/// <summary>Puts the shards of a cross-validation together.</summary>
internal static class MergeCommand
{
    public static Command Create()
    {
        var folder = new Argument<DirectoryInfo>("cross-validation") { Description = "The --out that the shards of a cross-validation share." };
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans, where it has moved since." };
        var testLock = new Option<FileInfo>("--test-lock") { Description = "Record of the test set, for the count of looks; test-lock.json beside the data set by default." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var withReport = new Option<bool>("--report") { Description = "Write report.html, one page over all networks." };

        var command = new Command("merge", "Put the shards of a cross-validation together: the report as if one process had run. Exit code 7 names networks that are missing, with their shards.") { folder, data, testLock, json, withReport };
        command.SetAction(parse => Run(
            parse.GetRequiredValue(folder).FullName, parse.GetValue(data)?.FullName, parse.GetValue(testLock)?.FullName, parse.GetValue(json), parse.GetValue(withReport)));
        return command;
    }

    private static int Run(string folder, string? data, string? testLock, bool isJson, bool withReport)
    {
        var (settings, jobs) = (CrossValidationSettings.Read(folder), CrossValidationJobs.Read(folder));
        var training = settings.Options with { Data = data ?? settings.Data, TestLock = testLock };
        var results = new CrossValidationResults(folder, settings, Dataset.Open(training.Data));
        if (results.Report(jobs, TestLock.Describe(training)) is { } report)
        {
            CrossValidateCommand.Show(report, folder, isJson, withReport);
            return CommandLine.Done;
        }

        foreach (var job in jobs.All)
        {
            if (results.Lack(job) is { } lack)
            {
                Console.Error.WriteLine($"error: {folder}: network {job.Name} of shard {jobs.ShardOf(job)} is missing: {lack}");
            }
        }

        Console.Error.WriteLine("Run the shards that are missing with the command of the others, then merge again.");
        return CommandLine.ShardsMissing;
    }
}
