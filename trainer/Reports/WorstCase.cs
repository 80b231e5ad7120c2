namespace Credence.Trainer.Reports;

/// <summary>A case that is shown.</summary>
/// <param name="Id">The case.</param>
/// <param name="Dice">Mean over foreground classes.</param>
/// <param name="Picture">Its pictures.</param>
internal sealed record WorstCase(string Id, double Dice, CasePicture Picture);
