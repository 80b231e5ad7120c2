namespace Credence.Trainer.Distributed;

/// <summary>A process that trains alone: it agrees with itself.</summary>
internal sealed class SingleProcess : IProcessGroup
{
    /// <summary>There is one kind.</summary>
    public static readonly SingleProcess Instance = new();

    private SingleProcess()
    {
    }

    /// <inheritdoc/>
    public int Rank => 0;

    /// <inheritdoc/>
    public int LocalRank => 0;

    /// <inheritdoc/>
    public int Size => 1;

    /// <inheritdoc/>
    public TimeSpan Communication => TimeSpan.Zero;

    /// <inheritdoc/>
    public void Sum(Span<float> values)
    {
    }

    /// <inheritdoc/>
    public void Sum(Span<double> values)
    {
    }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes, int root)
    {
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Gather(string text) => [text];

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
