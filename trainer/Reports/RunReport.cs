using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Trainer.Reports;

/// <summary>Writes <c>report.html</c> of a run: what was trained, how it went, and how it does on the cases that it has not trained on.</summary>
/// <remarks>The page holds no time but those that the run recorded, so the same run and options give the same bytes on one machine with one number of threads.</remarks>
internal static class RunReport
{
    /// <summary>Name of the page.</summary>
    public const string FileName = "report.html";

    /// <summary>Folder, inside that of the run, of the evaluation that the page shows.</summary>
    public const string EvaluationFolder = "report";

    /// <summary>Evaluates the validation cases and writes the page.</summary>
    /// <param name="options">What to report on.</param>
    /// <param name="report">Told what is being done.</param>
    /// <param name="clock">Source of time; none of it reaches the page.</param>
    /// <param name="cancellation">Stops between cases; an earlier page stays.</param>
    /// <returns>Path of the page.</returns>
    /// <exception cref="InputException">The folder holds no run with a finished epoch, or the data do not fit it.</exception>
    /// <exception cref="ModelFileException">The checkpoint cannot be used.</exception>
    public static string Write(RunReportOptions options, Action<string> report, TimeProvider clock, CancellationToken cancellation)
    {
        var run = RunRecord.Read(options.Run, options.Data, options.TestLock);
        var findings = ValidationFindings.Evaluate(run, options, report, clock, cancellation);
        var path = Path.Combine(options.Run, FileName);
        OutputFile.WriteText(path, CreatePage(run, findings).ToString());
        return path;
    }

    private static HtmlPage CreatePage(RunRecord run, ValidationFindings? findings)
    {
        var page = new HtmlPage($"{run.Name}: {run.Options.Posterior} network trained on {run.Plan.Name}, fold {run.Split.Fold} of {run.Split.Folds}");
        WarningSection.Write(page, run);
        RunSection.Write(page, run, findings);
        LearningSection.Write(page, run);
        GradientSection.Write(page, run);
        LayerSection.Write(page, run);
        if (findings is null)
        {
            page.Section("Validation cases");
            page.Paragraph("The run has no validation case, so nothing was judged: there is no calibration, no retention curve and no worst case.");
            return page;
        }

        CaseSection.Write(page, run, findings);
        CalibrationSection.Write(page, run, findings);
        RetentionSection.Write(page, run, findings);
        WorstCaseSection.Write(page, run, findings);
        return page;
    }
}
