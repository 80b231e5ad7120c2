namespace Credence.Trainer.Evaluation;

/// <summary>One network of a cross-validation.</summary>
/// <param name="Seed">Seed of everything but the folds.</param>
/// <param name="Fold">The fold that validates, from 0.</param>
internal sealed record CrossValidationJob(ulong Seed, int Fold)
{
    /// <summary>Name of its run folder.</summary>
    public string Name => $"seed-{Seed}-fold-{Fold}";

    /// <summary>All jobs: seed by seed, fold by fold.</summary>
    public static IReadOnlyList<CrossValidationJob> All(IReadOnlyList<ulong> seeds, int folds) =>
        [.. seeds.SelectMany(seed => Enumerable.Range(0, folds).Select(fold => new CrossValidationJob(seed, fold)))];
}
