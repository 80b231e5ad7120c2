using System.CommandLine.Parsing;
using System.Globalization;

namespace Credence.InferenceCli.Batch;

/// <summary>The part of the cases that one of several processes takes.</summary>
/// <param name="Index">From 0.</param>
/// <param name="Count">Number of processes.</param>
internal sealed record Shard(int Index, int Count)
{
    /// <summary>Suffix of the files that each process has for itself; empty where there is only one.</summary>
    public string Suffix => Count == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{Index + 1}-of-{Count}");

    /// <summary>Every n-th case.</summary>
    public IReadOnlyList<BatchCase> Of(IReadOnlyList<BatchCase> cases) => [.. cases.Where((_, n) => n % Count == Index)];

    /// <summary>Reads <c>i/n</c> with i from 1, or <c>auto</c>, <c>auto/n</c> from the variables that Slurm and Kubernetes set.</summary>
    /// <param name="text">The option.</param>
    /// <param name="variable">Value of an environment variable.</param>
    /// <param name="problem">Why it cannot be told; null where it can.</param>
    /// <returns>null where it cannot be told.</returns>
    public static Shard? Parse(string text, Func<string, string?> variable, out string? problem)
    {
        problem = null;
        var parts = text.Split('/');
        int? Number(string? digits) => int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        int? Variable(string name) => Number(variable(name));
        var count = parts is [_, var given] ? Number(given) : parts is ["auto"] ? Variable("SLURM_ARRAY_TASK_COUNT") : null;
        var index = parts[0] != "auto" ? Number(parts[0]) - 1
            : Variable("SLURM_ARRAY_TASK_ID") is { } task ? (task - (Variable("SLURM_ARRAY_TASK_MIN") ?? 0)) / (Variable("SLURM_ARRAY_TASK_STEP") ?? 1)
            : Variable("JOB_COMPLETION_INDEX");
        if (parts.Length > 2 || count is not >= 1 || index is not >= 0 || index >= count)
        {
            problem = parts[0] == "auto"
                ? "--shard auto finds no index in SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX that is below its number of processes; give the number as auto/n, or both as i/n."
                : "--shard is not a part of the cases; give i/n with i from 1 to n, or auto.";
            return null;
        }

        return new(index.Value, count.Value);
    }

    /// <summary>Reads the option.</summary>
    public static Shard? Parse(ArgumentResult result)
    {
        var shard = Parse(result.Tokens[0].Value, Environment.GetEnvironmentVariable, out var problem);
        if (problem is not null)
        {
            result.AddError(problem);
        }

        return shard;
    }
}
