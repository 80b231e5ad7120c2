using Credence.Trainer.Distributed;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>What this process has of one minibatch, in passes; owns them.</summary>
/// <param name="passes">In order.</param>
internal sealed class MinibatchPasses(IReadOnlyList<IMinibatch> passes) : IDisposable
{
    /// <summary>In order.</summary>
    public IReadOnlyList<IMinibatch> All => passes;

    /// <summary>Foreground of the whole minibatch, once it is on its device.</summary>
    /// <param name="layout">How it is dealt out.</param>
    /// <param name="group">The processes.</param>
    /// <returns>Share of the voxels, and number of patches that hold any.</returns>
    public (double Fraction, double Patches) Foreground(MinibatchLayout layout, IProcessGroup group)
    {
        Span<double> sums = [passes.Select((p, n) => p.ForegroundFraction * layout.Of(n).Count / layout.Batch).Sum(), passes.Sum(p => p.WithForeground)];
        group.Sum(sums);
        return (sums[0], sums[1]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pass in passes)
        {
            pass.Dispose();
        }
    }
}
