namespace Credence.Models.Checkpoints;

/// <summary>A checkpoint that cannot be used. The message names it and says what was found, what was expected and what to do.</summary>
/// <param name="path">The file.</param>
/// <param name="found">What is there.</param>
/// <param name="expected">What was needed.</param>
/// <param name="remedy">What the user can do, a whole sentence.</param>
/// <param name="inner">The cause, if another exception was.</param>
public sealed class CheckpointException(string path, string found, string expected, string remedy, Exception? inner = null)
    : Exception($"{path}: {found}; expected {expected}. {remedy}", inner)
{
    /// <summary>The file.</summary>
    public string Path { get; } = path;

    /// <summary>What is there.</summary>
    public string Found { get; } = found;

    /// <summary>What was needed.</summary>
    public string Expected { get; } = expected;

    /// <summary>What the user can do.</summary>
    public string Remedy { get; } = remedy;
}
