namespace Credence.Trainer.Distributed;

/// <summary>A failure that all processes of a group know of: all of them end alike, and process 0 alone says why.</summary>
/// <param name="exitCode">Of every process.</param>
/// <param name="message">One line a failure.</param>
/// <param name="isInterruption">Whether signals alone were the reason, which may differ between processes.</param>
internal sealed class AgreedFailureException(int exitCode, string message, bool isInterruption) : Exception(message)
{
    /// <summary>Of every process.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>Whether signals alone were the reason; the same for every process.</summary>
    public bool IsInterruption { get; } = isInterruption;
}
