namespace Credence.Models.Losses;

/// <summary>What a number in the text of a loss must be.</summary>
/// <param name="IsMet">Whether a number is allowed.</param>
/// <param name="Words">For the error.</param>
internal sealed record NumberRule(Func<double, bool> IsMet, string Words);
