namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>One value of a cross-validation: a case, judged by the network of its fold and a seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Fold">The fold that holds the case.</param>
/// <param name="Case">The case.</param>
/// <param name="Value">The metric.</param>
internal sealed record Observation(string Seed, int Fold, string Case, double Value);
