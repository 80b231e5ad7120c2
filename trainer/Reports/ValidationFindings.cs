using Credence.Inference.Metrics;
using Credence.Models;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Reports;

/// <summary>What the evaluation of the validation cases leaves for the page: numbers, diagrams and curves of every case, pictures of the worst.</summary>
internal sealed class ValidationFindings
{
    private const int LargestPictureCount = 3;

    private readonly List<CaseEvaluation> cases = [];
    private readonly List<WorstCase> worst = [];
    private readonly TemperatureScaling scaling;

    private ValidationFindings(RunRecord run) => scaling = new(run.Plan.Classes.Count);

    /// <summary>The report of the evaluation.</summary>
    public EvaluationReport Report { get; private set; } = null!;

    /// <summary>Every case, in the order of the report.</summary>
    public IReadOnlyList<CaseEvaluation> Cases => cases;

    /// <summary>Those with the lowest mean Dice, the worst first. Cases without any voxel in reference and prediction are not among them.</summary>
    public IReadOnlyList<WorstCase> Worst => worst;

    /// <summary>The temperature that fits the mean probabilities of the validation cases best.</summary>
    public TemperatureFit Temperature { get; private set; } = null!;

    /// <summary>Evaluates the validation cases of a run.</summary>
    /// <returns>Null where the run has none.</returns>
    public static ValidationFindings? Evaluate(RunRecord run, RunReportOptions options, Action<string> report, TimeProvider clock, CancellationToken cancellation)
    {
        if (run.Split.Validation.Count == 0)
        {
            return null;
        }

        var findings = new ValidationFindings(run);
        findings.Report = RunEvaluation.Run(
            new() { Runs = [options.Run], Data = run.Dataset.Folder, Output = Path.Combine(options.Run, RunReport.EvaluationFolder), Samples = options.Samples, Seed = options.Seed, Device = options.Device, TestLock = run.TestLock },
            report, @case => findings.See(@case, run), clock, cancellation);
        findings.Temperature = findings.scaling.Fit();
        return findings;
    }

    /// <summary>Values of a metric by its full name, over patients.</summary>
    public PatientSummary? Summary(string metric) => Report.Summary.FirstOrDefault(s => s.Metric == metric);

    private void See(EvaluatedCase @case, RunRecord run)
    {
        cases.Add(@case.Evaluation);
        scaling.AddProbabilities(OutOfFoldProbabilities.Join(@case.Case.Mask, run.Plan.Classes, @case.Prediction.Probabilities));

        var dice = new CaseResult(@case.Case.Id, run.Dataset.Patients[@case.Case.Id], @case.Evaluation.Values).Value("dice");
        if (dice is { } score && (worst.Count < LargestPictureCount || score < worst[^1].Dice))
        {
            worst.Insert(worst.TakeWhile(w => w.Dice <= score).Count(), new(@case.Case.Id, score, CasePicture.Draw(@case)));
            worst.RemoveRange(Math.Min(worst.Count, LargestPictureCount), Math.Max(0, worst.Count - LargestPictureCount));
        }
    }
}
