namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>One part of a variance.</summary>
/// <param name="Name">seed, fold, case, seed x fold, or residual.</param>
/// <param name="Variance">The estimate as it comes out; negative where the part is small against its error.</param>
/// <param name="StandardDeviation">Its root, 0 for a negative estimate.</param>
/// <param name="Share">Of the sum of the positive estimates, in [0, 1].</param>
/// <param name="Levels">How many seeds, folds, cases, networks, or values it was estimated from.</param>
internal sealed record VarianceComponent(string Name, double Variance, double StandardDeviation, double Share, int Levels);
