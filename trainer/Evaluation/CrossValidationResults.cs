using Credence.Trainer.Datasets;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>What the networks of a cross-validation came to, whichever process trained them.</summary>
/// <param name="folder">The folder of the cross-validation.</param>
/// <param name="settings">What all networks share.</param>
/// <param name="dataset">Names the classes whose maps belong to a result.</param>
internal sealed class CrossValidationResults(string folder, CrossValidationSettings settings, Dataset dataset)
{
    /// <summary>The report of a job; null while it, or one of its maps, is not there.</summary>
    /// <exception cref="DatasetException">The report is one of other options or data.</exception>
    public EvaluationReport? Find(CrossValidationJob job)
    {
        var run = Path.Combine(folder, job.Name);
        if (!File.Exists(Path.Combine(run, EvaluationReport.FileName)))
        {
            return null;
        }

        var report = EvaluationReport.Read(run);
        if (report.Job != settings.JobHash(job))
        {
            throw new DatasetException(Path.Combine(run, EvaluationReport.FileName), "the report of other options or data", "a job of this cross-validation",
                "Remove the folder to train it again.");
        }

        var hasMaps = report.Cases.All(c => dataset.Classes.Skip(1).All(k => File.Exists(RunEvaluation.ProbabilityPath(run, c.Id, k))));
        return hasMaps ? report : null;
    }

    /// <summary>Writes the report over all jobs.</summary>
    /// <param name="jobs">All of them.</param>
    /// <param name="testSet">How often the test set was looked at.</param>
    /// <returns>null while a job is missing; then nothing is written.</returns>
    /// <exception cref="DatasetException">The folds of a seed do not judge every case once.</exception>
    public CrossValidationReport? Report(CrossValidationJobs jobs, string testSet)
    {
        var results = jobs.All.Select(job => (Job: job, Report: Find(job))).ToList();
        if (results.Any(r => r.Report is null))
        {
            return null;
        }

        foreach (var (seed, judged) in results.GroupBy(r => r.Job.Seed).Select(g => (g.Key, g.SelectMany(r => r.Report!.Cases).CountBy(c => c.Id).ToDictionary())))
        {
            if (dataset.Cases.FirstOrDefault(c => judged.GetValueOrDefault(c.Id) != 1) is { } wrong)
            {
                throw new DatasetException(folder, $"{judged.GetValueOrDefault(wrong.Id)} networks of seed {seed} that judge case {wrong.Id}", "one: its folds are of one split",
                    "Remove the folders of networks whose split.json is of other folds, and cross-validate again.");
            }
        }

        var report = CrossValidationReport.Create(settings, results[0].Report!.Rules, [.. results.Select(r => new FoldResult(r.Job.Seed, r.Job.Fold, r.Report!.Cases))]) with { TestSet = testSet };
        report.Write(folder);
        return report;
    }

    /// <summary>What a job lacks, in words; null where it is done.</summary>
    public string? Lack(CrossValidationJob job)
    {
        var run = Path.Combine(folder, job.Name);
        return Find(job) is not null ? null
            : File.Exists(Path.Combine(run, EvaluationReport.FileName)) ? "its probability maps are incomplete"
            : File.Exists(new RunFolder(run).LastCheckpoint) ? "it is trained in part, or not judged yet"
            : Directory.Exists(run) ? "it has no checkpoint yet"
            : "it has not begun";
    }
}
