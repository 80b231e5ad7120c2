using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>One side of a comparison: an evaluation, or a cross-validation.</summary>
/// <param name="Name">For people: the folder.</param>
/// <param name="Cases">One result a case; in a cross-validation the mean over its seeds.</param>
/// <param name="Folds">The networks of a cross-validation; empty for an evaluation.</param>
/// <param name="TestSet">The test set, where the cases are of one.</param>
internal sealed record ComparedResult(string Name, IReadOnlyList<CaseResult> Cases, IReadOnlyList<FoldResult> Folds, TestSetUse? TestSet)
{
    /// <summary>Hash of the training cases; null where it is not known.</summary>
    public string? DataHash { get; init; }

    /// <summary>Reads the report of a folder.</summary>
    /// <exception cref="DatasetException">There is none.</exception>
    public static ComparedResult Read(string folder)
    {
        if (File.Exists(Path.Combine(folder, CrossValidationReport.FileName)))
        {
            var report = CrossValidationReport.Read(folder);
            return new(folder, CrossValidationReport.AverageOverSeeds(report.Results), report.Results, null) { DataHash = report.Settings.DataHash };
        }

        if (!File.Exists(Path.Combine(folder, EvaluationReport.FileName)))
        {
            throw new DatasetException(folder, $"no {CrossValidationReport.FileName} and no {EvaluationReport.FileName}", "the output of cross-validate or evaluate",
                "Evaluate the run first, with `credence-train evaluate --run <run> --out <folder>`.");
        }

        return Of(folder, EvaluationReport.Read(folder));
    }

    /// <summary>Takes what is compared out of an evaluation.</summary>
    /// <param name="name">For people.</param>
    /// <param name="evaluation">The evaluation.</param>
    public static ComparedResult Of(string name, EvaluationReport evaluation) => new(name, evaluation.Cases, [], evaluation.TestSet) { DataHash = evaluation.DataHash };
}
