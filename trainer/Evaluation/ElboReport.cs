using System.Text.Json;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>One coefficient of the KL, measured on the held-out fold.</summary>
/// <param name="Temper">λ: what the right factor is multiplied by.</param>
/// <param name="Factor">What the KL is multiplied by in the end.</param>
/// <param name="SameAs">The scaling of another unit that gives this factor; null for a plain temper factor.</param>
/// <param name="NegativeLogLikelihood">Held-out, nats per voxel, over cases.</param>
/// <param name="ErrorNearLesions">Expected calibration error near lesions, mean over classes, over cases; null where undefined.</param>
/// <param name="Dice">Mean over foreground classes, over cases; null where undefined.</param>
/// <param name="KlPerWeight">Nats, at the last epoch.</param>
/// <param name="SignalToNoise">Median over layers of the median of |μ| / σ, at the last epoch.</param>
/// <param name="CollapsedShare">Share of weights about which the data say nothing, at the last epoch.</param>
/// <param name="KlGradientShare">Norm of the gradient of the weighted KL as a share of the sum of both norms, mean over the last half of the epochs.</param>
/// <param name="GradientCosine">Cosine between both gradients over layers, mean over the last half of the epochs; null where one is 0.</param>
public sealed record ElboPoint(
    double Temper, double Factor, KlScaling? SameAs, PatientSummary NegativeLogLikelihood, PatientSummary? ErrorNearLesions, PatientSummary? Dice,
    double KlPerWeight, double SignalToNoise, double CollapsedShare, double KlGradientShare, double? GradientCosine)
{
    internal static ElboPoint Create(KlCoefficient coefficient, Elbo elbo, EvaluationReport evaluation, IReadOnlyList<EpochReport> epochs)
    {
        var late = epochs.Skip(epochs.Count / 2).SelectMany(e => e.Layers).Where(l => l.Posterior is not null).ToList();
        var last = epochs[^1].Layers.Select(l => l.Posterior).OfType<PosteriorStatistics>().ToList();
        double weights = last.Sum(p => p.Weights);
        var signals = last.Select(p => p.SignalToNoise).Order().ToList();
        return new(
            elbo.Temper, elbo.KlFactor(1), coefficient.Scaling,
            Summarise("nll", evaluation, ["all/nll"]) ?? Summarise("nll", evaluation)!,
            Summarise("ece-near", evaluation), Summarise("dice", evaluation),
            last.Sum(p => p.Kl) / weights, signals[signals.Count / 2], last.Sum(p => p.Weights * p.CollapsedShare) / weights,
            late.Sum(l => l.KlGradientNorm) / late.Sum(l => l.KlGradientNorm + l.DataGradientNorm), late.Average(l => l.GradientCosine));
    }

    /// <summary>A metric over cases: the named values, or the mean over all classes that have it.</summary>
    private static PatientSummary? Summarise(string metric, EvaluationReport evaluation, IReadOnlyList<string>? names = null) =>
        PatientSummary.Of(metric, [.. evaluation.Cases.Select(c => c with
        {
            Values = new Dictionary<string, double?>
            {
                [metric] = c.Values.Where(v => names?.Contains(v.Key) ?? (v.Key.EndsWith($"/{metric}", StringComparison.Ordinal) && !v.Key.StartsWith("all/", StringComparison.Ordinal)))
                    .Average(v => v.Value),
            },
        })]);
}

/// <summary>What `credence-train elbo` found; written as <c>elbo.json</c>.</summary>
public sealed record ElboReport
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "elbo.json";

    /// <summary>Program and version.</summary>
    public required string Program { get; init; }

    /// <summary>Folder of the data set.</summary>
    public required string Data { get; init; }

    /// <summary>SHA-256 over its cases.</summary>
    public required string DataHash { get; init; }

    /// <summary>The objective at λ = 1, in words.</summary>
    public required string Objective { get; init; }

    /// <summary>M, minibatches an epoch.</summary>
    public required long Minibatches { get; init; }

    /// <summary>N, examples an epoch.</summary>
    public required long Examples { get; init; }

    /// <summary>V, voxels an example.</summary>
    public required long Voxels { get; init; }

    /// <summary>Monte Carlo samples of the held-out predictions.</summary>
    public required int Samples { get; init; }

    /// <summary>One a coefficient, by rising λ.</summary>
    public required IReadOnlyList<ElboPoint> Points { get; init; }

    /// <summary>The coefficient with the least held-out NLL.</summary>
    public ElboPoint Best => Points.MinBy(p => p.NegativeLogLikelihood.Mean)!;

    /// <summary>Writes the report and its plot into a folder.</summary>
    public void Write(string folder)
    {
        OutputFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, TrainerJson.Indented) + "\n");
        ElboPlot.Write(this, Path.Combine(folder, "elbo.png"));
    }
}
