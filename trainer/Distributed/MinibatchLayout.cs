namespace Credence.Trainer.Distributed;

/// <summary>Examples of a minibatch, one after the other.</summary>
/// <param name="First">From 0.</param>
/// <param name="Count">How many.</param>
internal readonly record struct ExampleRange(int First, int Count);

/// <summary>How the examples of a minibatch are dealt out: to the processes, and in each to the passes of a step. As even as can be.</summary>
/// <param name="Batch">Examples of the minibatch.</param>
/// <param name="Processes">Number of processes.</param>
/// <param name="Process">This one, from 0.</param>
/// <param name="Passes">Forward and backward passes of a step, whose gradients are added.</param>
internal sealed record MinibatchLayout(int Batch, int Processes = 1, int Process = 0, int Passes = 1)
{
    /// <summary>What this process computes.</summary>
    public ExampleRange Own => Part(new(0, Batch), Processes, Process);

    /// <summary>What this process computes in one pass.</summary>
    /// <param name="pass">From 0.</param>
    public ExampleRange Of(int pass) => Part(Own, Passes, pass);

    private static ExampleRange Part(ExampleRange whole, int parts, int part)
    {
        int Begin(int n) => whole.First + (int)((long)whole.Count * n / parts);
        return new(Begin(part), Begin(part + 1) - Begin(part));
    }
}
