using System.Globalization;

namespace Credence.Trainer.Evaluation;

/// <summary>The part of a list of jobs that one process does, so that several share a cross-validation without talking to each other.</summary>
/// <param name="Number">From 1 to <paramref name="Count"/>.</param>
/// <param name="Count">Number of parts.</param>
internal sealed record Shard(int Number, int Count)
{
    /// <summary>Everything.</summary>
    public static readonly Shard Whole = new(1, 1);

    /// <summary>Reads <c>2/4</c>.</summary>
    /// <returns>Null where the text is no shard.</returns>
    public static Shard? Parse(string text) =>
        text.Split('/') is [var number, var count]
        && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
        && int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var c) && n >= 1 && n <= c
            ? new(n, c)
            : null;

    /// <summary>Every job is in exactly one shard; shards differ by one job at most.</summary>
    public IReadOnlyList<T> Select<T>(IReadOnlyList<T> jobs) => [.. jobs.Where((_, n) => n % Count == Number - 1)];

    /// <inheritdoc/>
    public override string ToString() => $"{Number}/{Count}";
}
