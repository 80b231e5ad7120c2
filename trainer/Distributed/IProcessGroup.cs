namespace Credence.Trainer.Distributed;

/// <summary>The processes that train one network together. Every process makes the same calls in the same order; a call returns when all have made it.</summary>
internal interface IProcessGroup : IDisposable
{
    /// <summary>Number of this process, from 0. Process 0 alone writes files and talks to the user.</summary>
    int Rank { get; }

    /// <summary>Number of this process among those of its machine, from 0.</summary>
    int LocalRank { get; }

    /// <summary>Number of processes.</summary>
    int Size { get; }

    /// <summary>Time spent in calls of this interface so far, waiting for others included.</summary>
    TimeSpan Communication { get; }

    /// <summary>Replaces every element by its sum over the processes, the same bits on all.</summary>
    void Sum(Span<float> values);

    /// <inheritdoc cref="Sum(Span{float})"/>
    void Sum(Span<double> values);

    /// <summary>Gives every process the bytes of one.</summary>
    /// <param name="bytes">Of the same length on all; replaced on all but <paramref name="root"/>.</param>
    /// <param name="root">Whose bytes they are.</param>
    void Broadcast(Span<byte> bytes, int root);

    /// <summary>The texts of all processes, in the order of their numbers, on every process.</summary>
    IReadOnlyList<string> Gather(string text);
}
