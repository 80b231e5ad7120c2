using System.Globalization;
using System.Text.Json;
using Credence.MedicalIO;

namespace Credence.Trainer.Evaluation;

/// <summary>What `credence-train elbo` found; written as <c>elbo.json</c>.</summary>
internal sealed record ElboReport
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "elbo.json";

    /// <summary>Program and version.</summary>
    public required string Program { get; init; }

    /// <summary>Folder of the data set.</summary>
    public required string Data { get; init; }

    /// <summary>SHA-256 over its cases.</summary>
    public required string DataHash { get; init; }

    /// <summary>The fold that is held out, from 0.</summary>
    public required int Fold { get; init; }

    /// <summary>Number of folds.</summary>
    public required int Folds { get; init; }

    /// <summary>Seed of everything random.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Epochs of every run; null where <see cref="Minutes"/> ended it.</summary>
    public required int? Epochs { get; init; }

    /// <summary>Minutes of every run; null where <see cref="Epochs"/> ended it.</summary>
    public required double? Minutes { get; init; }

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

    /// <summary>How often the test set had been looked at; empty in reports that did not record it.</summary>
    public string TestSet { get; init; } = "";

    /// <summary>Whether the objective at λ = 1 is the evidence lower bound of the data set.</summary>
    public bool IsBound { get; init; }

    /// <summary>One a coefficient, by rising λ.</summary>
    public required IReadOnlyList<ElboPoint> Points { get; init; }

    /// <summary>The coefficient with the least held-out NLL; null where every run diverged.</summary>
    public ElboPoint? Best => Points.Where(p => p.IsMeasured).MinBy(p => p.NegativeLogLikelihood!.Mean);

    /// <summary>What follows, in a sentence.</summary>
    public string Verdict
    {
        get
        {
            static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
            if (Best is not { } best)
            {
                return "every run diverged: lower --learning-rate.";
            }

            var least = $"least held-out NLL at lambda = {Number(best.Temper)}";
            if (best.AgainstReference is { } difference)
            {
                return difference.Interval is { High: < 0 } interval
                    ? $"{least}, and the patients tell it from lambda = 1 (95 % interval of the difference {Number(interval.Low)} to {Number(interval.High)}; not corrected for choosing the best of {Points.Count})."
                    : $"{least}, but the patients do not tell it from lambda = 1{(difference.Interval is { } wide ? $" (95 % interval of the difference {Number(wide.Low)} to {Number(wide.High)})" : "")}: keep lambda = 1.";
            }

            var alike = Points.Where(p => p.AgainstReference?.Interval is { Low: <= 0 }).Select(p => Number(p.Temper)).ToList();
            return alike.Count == 0 ? $"{least}." : $"{least}; the patients do not tell it from lambda = {string.Join(", ", alike)}.";
        }
    }

    /// <summary>Writes the report, its table and its plot into a folder.</summary>
    public void Write(string folder)
    {
        OutputFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, TrainerJson.Indented) + "\n");
        ElboPlot.Write(this, Path.Combine(folder, "elbo.png"));
        OutputFile.WriteCsv(
            Path.Combine(folder, "elbo.csv"),
            ["lambda", "kl-factor", "same-as", "diverged-at", "nll", "nll-low-95", "nll-high-95", "nll-difference", "difference-low-95", "difference-high-95", "ece-near", "dice", "kl-per-weight", "signal-to-noise", "collapsed-share", "kl-gradient-share", "gradient-cosine"],
            Points.Select(p => (IReadOnlyList<string?>)
            [
                Cell(p.Temper), Cell(p.Factor), p.SameAs?.ToString(), p.DivergedAt?.ToString(CultureInfo.InvariantCulture),
                Cell(p.NegativeLogLikelihood?.Mean), Cell(p.NegativeLogLikelihood?.Interval?.Low), Cell(p.NegativeLogLikelihood?.Interval?.High),
                Cell(p.AgainstReference?.MeanDifference), Cell(p.AgainstReference?.Interval?.Low), Cell(p.AgainstReference?.Interval?.High),
                Cell(p.ErrorNearLesions?.Mean), Cell(p.Dice?.Mean), Cell(p.KlPerWeight), Cell(p.SignalToNoise), Cell(p.CollapsedShare), Cell(p.KlGradientShare), Cell(p.GradientCosine),
            ]));
    }

    private static string? Cell(double? value) => value?.ToString("R", CultureInfo.InvariantCulture);
}
