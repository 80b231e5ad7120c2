using System.Globalization;

namespace Credence;

/// <summary>The part of a list of jobs that one of several processes takes, so that they share the work without talking to each other.</summary>
/// <param name="Number">From 1 to <paramref name="Count"/>.</param>
/// <param name="Count">Number of processes.</param>
internal sealed record Shard(int Number, int Count)
{
    /// <summary>Everything.</summary>
    public static Shard Whole { get; } = new(1, 1);

    /// <summary>Suffix of the files that each process has for itself; empty where there is only one.</summary>
    public string Suffix => Count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{Number}-of-{Count}");

    /// <summary>All parts of the same whole.</summary>
    public IEnumerable<Shard> All => Enumerable.Range(1, Count).Select(n => this with { Number = n });

    /// <summary>Reads <c>2/8</c>.</summary>
    /// <returns>null where the text is no shard.</returns>
    public static Shard? Parse(string text) =>
        text.Split('/') is [var number, var count] && Digits(number) is { } n and >= 1 && Digits(count) is { } c && n <= c ? new(n, c) : null;

    /// <summary>Every n-th job: each is in exactly one shard, and shards differ by one job at most.</summary>
    public IReadOnlyList<T> Select<T>(IReadOnlyList<T> jobs) => Count == 1 ? jobs : [.. jobs.Where((_, n) => n % Count == Number - 1)];

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Number}/{Count}");

    /// <summary>A whole number without a sign; null for anything else.</summary>
    internal static int? Digits(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
