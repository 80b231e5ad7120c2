namespace Credence.Tests;

/// <summary>Threads that stand for processes: each brings something and gets what all have brought.</summary>
internal sealed class Rendezvous(int size) : IDisposable
{
    private readonly object?[] brought = new object?[size];
    private readonly Barrier barrier = new(size);

    /// <summary>Runs one function a thread, and returns when all are done.</summary>
    /// <param name="size">Number of threads.</param>
    /// <param name="body">Gets the meeting place and the number of the thread.</param>
    public static T[] Run<T>(int size, Func<Rendezvous, int, T> body)
    {
        using var meeting = new Rendezvous(size);
        var results = new T[size];
        var threads = Enumerable.Range(0, size).Select(rank => Task.Factory.StartNew(() => results[rank] = body(meeting, rank), TaskCreationOptions.LongRunning)).ToArray();
        Task.WaitAll(threads);
        return results;
    }

    /// <summary>What all threads have brought, in order of their numbers.</summary>
    public IReadOnlyList<T> Exchange<T>(int rank, T value)
    {
        brought[rank] = value;
        Meet();
        IReadOnlyList<T> all = [.. brought.Select(b => (T)b!)];
        Meet();
        return all;
    }

    public void Dispose() => barrier.Dispose();

    private void Meet() => Assert.True(barrier.SignalAndWait(TimeSpan.FromMinutes(2)), "a thread did not come");
}
