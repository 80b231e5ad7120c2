namespace Credence.Models.Losses;

/// <summary>One argument as it was written.</summary>
/// <param name="Name">Before the equals sign.</param>
/// <param name="Value">After it; null without one.</param>
/// <param name="Position">Of the name.</param>
/// <param name="ValuePosition">Of the value.</param>
internal sealed record LossArgument(string Name, string? Value, int Position, int ValuePosition);
