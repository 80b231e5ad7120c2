using Credence.Models;

namespace Credence.Trainer.Reports;

/// <summary>What a reader should know before any figure.</summary>
internal static class WarningSection
{
    private const int FewPatients = 10;
    private const double CollapsedShare = 0.5;

    /// <summary>Writes the section.</summary>
    public static void Write(HtmlPage page, RunRecord run)
    {
        var warnings = Find(run);
        page.Section("Warnings");
        if (warnings.Count > 0)
        {
            page.Warnings(warnings);
        }
        else
        {
            page.Paragraph("None.");
        }

        if (run.Warnings is null)
        {
            page.Paragraph("The run kept no record of what it warned about while it trained.");
        }
    }

    private static List<string> Find(RunRecord run)
    {
        List<string> warnings = [.. (run.Warnings ?? []).Union(run.Resources.Warnings)];
        var isMeanField = run.Options.Posterior == Posterior.MeanField;
        var likelihood = Likelihood.Of(run.Options.Loss, run.Options.Network, run.Options.ForegroundProbability);
        if (isMeanField && !likelihood.IsOfDataSet)
        {
            warnings.Add($"Generalised Bayes: {likelihood}. So the objective is not the ELBO of the data set: it bounds no evidence, and the width of the posterior depends on the scale of the loss and on what the patches show.");
        }

        if (isMeanField && run.Options.Temper != 1)
        {
            warnings.Add($"The KL is multiplied by lambda = {ReportNumber.Of(run.Options.Temper)}: {(run.Options.Temper < 1 ? "a cold posterior, narrower than Bayes' rule gives" : "wider than Bayes' rule gives")}.");
        }

        var patients = run.Split.Validation.Select(id => run.Dataset.Patients[id]).Distinct(StringComparer.Ordinal).Count();
        if (patients < FewPatients)
        {
            warnings.Add($"Few cases: {patients} validation {(patients == 1 ? "patient" : "patients")} (fewer than {FewPatients}). Means may be far from those of other patients, and intervals too narrow; cross-validate for a figure to quote.");
        }

        var layers = run.Epochs[^1].Layers.Where(l => l.Posterior is not null).ToList();
        var collapsed = layers.Where(l => l.Posterior!.CollapsedShare > CollapsedShare).Select(l => l.Name).ToList();
        if (collapsed.Count > 0)
        {
            warnings.Add($"Collapsed layers: in {collapsed.Count} of {layers.Count}, more than half of the weights have gone back to the prior and say nothing about the data: {string.Join(", ", collapsed)}.");
        }

        if (RecencyGap.Of(run.Epochs) is { IsLarge: true } gap)
        {
            warnings.Add($"Recency: the loss on the minibatches seen first in an epoch is {ReportNumber.Of(gap.Mean)} above that on those seen last, so the network leans towards what it saw last (rule: {RecencyGap.Rule}). Lower the learning rate, enlarge the batch, or average the weights.");
        }

        return warnings;
    }
}
