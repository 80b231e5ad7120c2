namespace Credence.Trainer.Sampling;

/// <summary>Prepares minibatches ahead of the steps that need them, in order, and never more than a fixed number.</summary>
/// <remarks>A minibatch depends on its step alone, so neither the number of workers nor the depth changes what is learnt.</remarks>
internal sealed class PatchQueue : IDisposable
{
    private readonly Func<long, IMinibatch> draw;
    private readonly TaskFactory workers;
    private readonly Queue<Task<IMinibatch>> ahead = new();
    private long next;

    /// <summary>Starts to prepare.</summary>
    /// <param name="draw">Prepares the minibatch of a step; called by several workers at once.</param>
    /// <param name="first">First step.</param>
    /// <param name="depth">Minibatches prepared ahead, at least 1.</param>
    /// <param name="workers">Minibatches prepared at the same time, at least 1.</param>
    public PatchQueue(Func<long, IMinibatch> draw, long first, int depth, int workers)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        (this.draw, next) = (draw, first);
        this.workers = new(new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, workers).ConcurrentScheduler);
        while (ahead.Count < depth)
        {
            Enqueue();
        }
    }

    /// <summary>The minibatch of the next step; waits until it is there. The caller disposes it.</summary>
    public IMinibatch Take()
    {
        var minibatch = ahead.Dequeue().GetAwaiter().GetResult();
        Enqueue();
        return minibatch;
    }

    /// <summary>Waits for the workers and drops what they prepared.</summary>
    public void Dispose()
    {
        foreach (var task in ahead)
        {
            try
            {
                task.GetAwaiter().GetResult().Dispose();
            }
            catch (Exception) when (task.IsFaulted)
            {
                // Nobody asked for this step.
            }
        }

        ahead.Clear();
    }

    private void Enqueue()
    {
        var step = next++;
        ahead.Enqueue(workers.StartNew(() => draw(step)));
    }
}
