using System.Runtime.InteropServices;

namespace Credence;

/// <summary>SIGINT and SIGTERM as a request to stop at the next safe place; a second one ends the process at once.</summary>
/// <remarks>There is no limit of time here: whoever sends SIGTERM has one, and sends SIGKILL after it. Nothing half-written is left by that either.</remarks>
internal sealed class Interruption : IDisposable
{
    private static int received = 15; // SIGTERM, also where another process of a group got it

    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];
    private int count;

    /// <summary>Begins to listen.</summary>
    public Interruption()
    {
        foreach (var (signal, number) in new[] { (PosixSignal.SIGINT, 2), (PosixSignal.SIGTERM, 15) })
        {
            registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = Interlocked.Increment(ref count) == 1;
                if (context.Cancel)
                {
                    received = number;
                    source.Cancel();
                }
            }));
        }
    }

    /// <summary>What an interrupted process ends with, as a shell would say it: 128 and the number of the signal, 130 or 143.</summary>
    public static int ExitCode => 128 + received;

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        registrations.ForEach(r => r.Dispose());
        source.Dispose();
    }
}

/// <summary>An interruption that says what it left behind, and how to go on.</summary>
/// <param name="message">What the user is told.</param>
/// <param name="cancellation">What was cancelled.</param>
internal sealed class InterruptedException(string message, CancellationToken cancellation) : OperationCanceledException(message, cancellation);
