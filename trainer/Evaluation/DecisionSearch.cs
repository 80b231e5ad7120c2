using Credence.Inference.Model;

namespace Credence.Trainer.Evaluation;

/// <summary>One out-of-fold prediction with its objective at every threshold and size.</summary>
/// <param name="Fold">Its fold.</param>
/// <param name="Patient">Whose case it is.</param>
/// <param name="Surface">[threshold][size - 1].</param>
internal sealed record TuningCase(int Fold, string Patient, double[][] Surface);

/// <summary>Chooses threshold and minimum lesion size, and measures how much the choice flatters itself.</summary>
/// <remarks>Every patient counts once, with the mean over cases and seeds. The nested figure leaves one fold out, chooses on the others, and measures on the fold (Varma and Simon 2006, doi:10.1186/1471-2105-7-91).</remarks>
internal sealed class DecisionSearch(IReadOnlyList<TuningCase> cases, IReadOnlyList<double> thresholds, int largestMinimum)
{
    /// <summary>The best choice over all patients: its threshold, size and mean objective.</summary>
    public (double Threshold, int MinimumLesionVoxels, double Objective) Best() => Choose(cases);

    /// <summary>The choice without each fold, and its objective on the fold.</summary>
    public IReadOnlyList<FoldCalibration> WithoutEachFold() =>
    [
        .. cases.Select(c => c.Fold).Distinct().Order().Select(fold =>
        {
            var (threshold, size, _) = Choose([.. cases.Where(c => c.Fold != fold)]);
            return new FoldCalibration(fold, threshold, size, Mean([.. cases.Where(c => c.Fold == fold)], threshold, size));
        }),
    ];

    /// <summary>Mean objective of all patients, each with the choice made without its fold.</summary>
    public double Nested(IReadOnlyList<FoldCalibration> withoutFold)
    {
        var patients = cases.GroupBy(c => c.Fold, c => c.Patient).ToDictionary(f => f.Key, f => f.Distinct().Count());
        return withoutFold.Sum(f => f.Objective * patients[f.Fold]) / patients.Values.Sum();
    }

    /// <summary>Mean objective of all patients at one choice.</summary>
    public double At(double threshold, int size) => Mean(cases, threshold, size);

    /// <summary>Of equal choices, the threshold nearest to 0.5 and the smallest size: what changes least.</summary>
    private (double Threshold, int MinimumLesionVoxels, double Objective) Choose(IReadOnlyList<TuningCase> among) => thresholds
        .SelectMany(t => Enumerable.Range(1, largestMinimum).Select(s => (Threshold: t, Size: s, Objective: Mean(among, t, s))))
        .OrderByDescending(c => Math.Round(c.Objective, 12)).ThenBy(c => Math.Abs(c.Threshold - 0.5)).ThenBy(c => c.Size)
        .First();

    private double Mean(IReadOnlyList<TuningCase> among, double threshold, int size)
    {
        var index = thresholds.ToList().IndexOf(threshold);
        return among.GroupBy(c => c.Patient, c => c.Surface[index][size - 1]).Average(p => p.Average());
    }
}
