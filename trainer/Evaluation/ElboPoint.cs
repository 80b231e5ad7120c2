using Credence.Models;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>One coefficient of the KL: the last weights of its run, measured on the held-out fold.</summary>
/// <param name="Temper">λ: what the right factor is multiplied by.</param>
/// <param name="Factor">What the KL is multiplied by in the end, in the mean over an epoch.</param>
/// <param name="SameAs">The scaling of another unit that gives this factor; null for a plain temper factor.</param>
internal sealed record ElboPoint(double Temper, double Factor, KlScaling? SameAs)
{
    /// <summary>The step at which the run diverged, from which on nothing was measured; null for a run that ended.</summary>
    public long? DivergedAt { get; init; }

    /// <summary>Held-out, nats per voxel, over patients.</summary>
    public PatientSummary? NegativeLogLikelihood { get; init; }

    /// <summary>Held-out NLL minus that of the reference, patient by patient; null for the reference itself.</summary>
    public PairedComparison? AgainstReference { get; init; }

    /// <summary>Expected calibration error near lesions, mean over classes, over patients; null where undefined.</summary>
    public PatientSummary? ErrorNearLesions { get; init; }

    /// <summary>Mean over foreground classes, over patients; null where undefined.</summary>
    public PatientSummary? Dice { get; init; }

    /// <summary>Nats, at the last epoch.</summary>
    public double? KlPerWeight { get; init; }

    /// <summary>Median over layers of the median of |μ| / σ, at the last epoch.</summary>
    public double? SignalToNoise { get; init; }

    /// <summary>Share of weights about which the data say nothing, at the last epoch.</summary>
    public double? CollapsedShare { get; init; }

    /// <summary>Norm of the gradient of the weighted KL as a share of the sum of both norms, each summed over the layers with Gaussian weights and the last half of the epochs; biases and norms, which have no KL, are left out.</summary>
    public double? KlGradientShare { get; init; }

    /// <summary>Cosine between both gradients over layers, mean over the last half of the epochs; null where one is 0.</summary>
    public double? GradientCosine { get; init; }

    /// <summary>Whether there is a held-out NLL to compare.</summary>
    internal bool IsMeasured => double.IsFinite(NegativeLogLikelihood?.Mean ?? double.NaN);

    /// <summary>Measures every trial, and compares its held-out NLL with that at λ = 1, or with the least where λ = 1 is not there.</summary>
    internal static IReadOnlyList<ElboPoint> Compare(IReadOnlyList<ElboTrial> trials)
    {
        var points = trials.Select(t => (Trial: t, Point: Measure(t))).ToList();
        var measured = points.Where(p => p.Point.IsMeasured).ToList();
        if (measured.Count == 0)
        {
            return [.. points.Select(p => p.Point)];
        }

        var reference = measured.Find(p => p.Point.Temper == 1);
        if (reference == default)
        {
            reference = measured.MinBy(p => p.Point.NegativeLogLikelihood!.Mean);
        }

        return
        [
            .. points.Select(p => !p.Point.IsMeasured || p == reference
                ? p.Point
                : p.Point with { AgainstReference = PairedComparison.All([Side(reference.Trial), Side(p.Trial)], reference.Trial.NegativeLogLikelihood)[0] }),
        ];
    }

    private static ComparedResult Side(ElboTrial trial) => ComparedResult.Of(FormattableString.Invariant($"lambda {trial.Elbo.Temper:G6}"), trial.Evaluation!);

    private static ElboPoint Measure(ElboTrial trial)
    {
        var point = new ElboPoint(trial.Elbo.Temper, trial.Elbo.MeanKlFactor, trial.Coefficient.Scaling) { DivergedAt = trial.DivergedAt };
        if (trial.Evaluation is not { } evaluation)
        {
            return point;
        }

        var late = trial.Epochs.Skip(trial.Epochs.Count / 2).SelectMany(e => e.Layers).Where(l => l.Posterior is not null).ToList();
        var last = trial.Epochs[^1].Layers.Select(l => l.Posterior).OfType<PosteriorStatistics>().ToList();
        double weights = last.Sum(p => p.Weights);
        var signals = last.Select(p => p.SignalToNoise).Order().ToList();
        return point with
        {
            NegativeLogLikelihood = PatientSummary.Of(trial.NegativeLogLikelihood, evaluation.Cases),
            ErrorNearLesions = PatientSummary.Of("ece-near", evaluation.Cases),
            Dice = PatientSummary.Of("dice", evaluation.Cases),
            KlPerWeight = last.Sum(p => p.Kl) / weights,
            SignalToNoise = signals[signals.Count / 2],
            CollapsedShare = last.Sum(p => p.Weights * p.CollapsedShare) / weights,
            KlGradientShare = late.Sum(l => l.KlGradientNorm) / late.Sum(l => l.KlGradientNorm + l.DataGradientNorm),
            GradientCosine = late.Average(l => l.GradientCosine),
        };
    }
}
