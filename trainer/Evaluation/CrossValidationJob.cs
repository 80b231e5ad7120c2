namespace Credence.Trainer.Evaluation;

/// <summary>One network of a cross-validation.</summary>
/// <param name="Seed">Seed of everything but the folds.</param>
/// <param name="Fold">The fold that validates, from 0.</param>
internal sealed record CrossValidationJob(ulong Seed, int Fold)
{
    /// <summary>Name of its run folder.</summary>
    public string Name => $"seed-{Seed}-fold-{Fold}";
}
