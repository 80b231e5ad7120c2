namespace Credence.Trainer.Distributed;

/// <summary>A failure that all processes of a group know of: all of them end alike, and process 0 alone says why.</summary>
/// <param name="exitCode">Of every process.</param>
/// <param name="message">One line a failure.</param>
internal sealed class AgreedFailureException(int exitCode, string message) : Exception(message)
{
    /// <summary>Of every process.</summary>
    public int ExitCode { get; } = exitCode;
}
