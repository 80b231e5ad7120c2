using Credence.Models;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Distributed;

/// <summary>Elastic averaging: every process has weights of its own, and a spring to a centre that all share. The centre is what is validated, kept and exported.</summary>
/// <remarks>
/// Every τ steps, between the gradient and the step: xᵢ ← xᵢ - α (xᵢ - x̃), x̃ ← x̃ + α Σ (xᵢ - x̃), with α = β / p for p processes, both from the values before.
/// Source: Zhang, Choromanska and LeCun 2015, arXiv:1412.6651, equations 5 and 6 (synchronous), with the period τ of its section 3.1.
/// </remarks>
internal sealed class ElasticAverage : IDisposable
{
    private const string Prefix = "elastic/";

    private readonly List<Tensor> weights;
    private readonly IProcessGroup group;
    private readonly int period;
    private readonly double rate;
    private readonly Tensor centre; // all weights, one after the other

    /// <summary>Starts with every process at the centre.</summary>
    /// <param name="network">Whose weights are pulled.</param>
    /// <param name="group">Two processes or more.</param>
    /// <param name="period">τ, at least 1.</param>
    /// <param name="strength">β, in (0, 1].</param>
    public ElasticAverage(Network network, IProcessGroup group, int period, double strength)
    {
        using var noGradient = no_grad();
        weights = [.. network.parameters()];
        (this.group, this.period, rate) = (group, period, strength / group.Size);
        centre = Flat().DetachFromDisposeScope();
    }

    /// <summary>Lets weights and centre pull at each other, where it is the turn.</summary>
    /// <param name="step">From 0; the first exchange is in step τ - 1.</param>
    public void Exchange(long step)
    {
        if ((step + 1) % period != 0)
        {
            return;
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var own = Flat();
        var offset = own - centre;
        var sum = offset.clone();
        group.Sum(sum);
        Set(own - rate * offset);
        centre.add_(rate * sum);
    }

    /// <summary>Runs a function while the network holds the centre; the weights come back to the last bit.</summary>
    public T While<T>(Func<T> function)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var own = Flat();
        Set(centre);
        try
        {
            return function();
        }
        finally
        {
            Set(own);
        }
    }

    /// <summary>What a checkpoint needs beside the centre: weights and optimiser of every process. All processes call it, outside of <see cref="While"/>.</summary>
    /// <param name="optimiser">State of this process, as bytes.</param>
    /// <returns>On process 0; the tensors belong to the dispose scope of the caller.</returns>
    public IReadOnlyDictionary<string, Tensor> Save(Tensor optimiser)
    {
        using var noGradient = no_grad();
        using var flat = Flat().cpu();
        var tensors = new Dictionary<string, Tensor>();
        foreach (var (name, own) in new (Func<int, string>, Tensor)[] { (Weights, flat), (Optimiser, optimiser) })
        {
            var lengths = group.Gather(FormattableString.Invariant($"{own.numel()}")).Select(t => long.Parse(t, System.Globalization.CultureInfo.InvariantCulture)).ToList();
            for (var rank = 0; rank < group.Size; rank++)
            {
                var copy = rank == group.Rank ? own.clone() : empty(lengths[rank], own.dtype);
                group.Broadcast(copy.bytes, rank);
                if (group.Rank == 0)
                {
                    tensors.Add(name(rank), copy);
                }
            }
        }

        return tensors;
    }

    /// <summary>Goes on from a checkpoint, from whose network this object was created.</summary>
    /// <returns>State of the optimiser of this process; the checkpoint owns it.</returns>
    /// <exception cref="CheckpointException">It was written by another number of processes.</exception>
    public Tensor Restore(Checkpoint checkpoint)
    {
        var processes = checkpoint.Tensors.Keys.Count(k => k.StartsWith(Prefix, StringComparison.Ordinal)) / 2;
        if (processes != group.Size)
        {
            throw new CheckpointException(checkpoint.Path, $"the weights of {processes} processes with elastic averaging", $"those of the {group.Size} that go on",
                $"Start {processes} processes; only runs without --elastic-period go on with another number.");
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Set(checkpoint.Tensors[Weights(group.Rank)].to(centre.device));
        return checkpoint.Tensors[Optimiser(group.Rank)];
    }

    /// <inheritdoc/>
    public void Dispose() => centre.Dispose();

    private static string Weights(int rank) => $"{Prefix}{rank}/weights";

    private static string Optimiser(int rank) => $"{Prefix}{rank}/optimiser";

    private Tensor Flat() => cat([.. weights.Select(w => w.flatten())]);

    private void Set(Tensor flat)
    {
        long offset = 0;
        foreach (var weight in weights)
        {
            weight.copy_(flat.narrow(0, offset, weight.numel()).view(weight.shape));
            offset += weight.numel();
        }
    }
}
