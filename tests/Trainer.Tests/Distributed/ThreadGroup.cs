using Credence.Trainer.Distributed;

namespace Credence.Trainer.Tests.Distributed;

/// <summary>Threads of this process in place of processes: the same calls, without a launcher.</summary>
internal sealed class ThreadGroup(Rendezvous meeting, int rank, int size) : IProcessGroup
{
    public int Rank => rank;

    public int LocalRank => rank;

    public int Size => size;

    public TimeSpan Communication => TimeSpan.Zero;

    public void Sum(Span<float> values) => Sum<float>(values);

    public void Sum(Span<double> values) => Sum<double>(values);

    public void Broadcast(Span<byte> bytes, int root) => meeting.Exchange(rank, bytes.ToArray())[root].CopyTo(bytes);

    public IReadOnlyList<string> Gather(string text) => meeting.Exchange(rank, text);

    public void Dispose()
    {
    }

    private void Sum<T>(Span<T> values)
        where T : System.Numerics.INumber<T>
    {
        var all = meeting.Exchange(rank, values.ToArray());
        for (var n = 0; n < values.Length; n++)
        {
            values[n] = all.Select(a => a[n]).Aggregate((a, b) => a + b);
        }
    }
}
