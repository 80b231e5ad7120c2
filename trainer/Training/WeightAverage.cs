using Credence.Models;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Training;

/// <summary>Exponential moving average of all parameters and of the running statistics of norms, which must fit them: what is validated and kept as the best network when it is switched on.</summary>
/// <remarks>
/// a ← d a + (1 - d) w after each step, with d = min(decay, (1 + t) / (10 + t)) at update t, so that the first steps do not linger.
/// Source: Tarvainen and Valpola 2017, arXiv:1703.01780, section 3; the ramp is that of TensorFlow's ExponentialMovingAverage.
/// The network of every checkpoint holds the averages, so that whoever reads one gets what was validated; what training goes on with lies beside it.
/// </remarks>
internal sealed class WeightAverage : IDisposable
{
    /// <summary>What the names of the weights in training begin with, in a checkpoint whose network holds the averages.</summary>
    private const string Prefix = "training/";

    private readonly double decay;
    private readonly List<(string Name, Tensor Value, Tensor Average)> entries;

    /// <summary>Starts the average at the present weights.</summary>
    /// <param name="network">Whose parameters and buffers are averaged; buffers of whole numbers are copied.</param>
    /// <param name="decay">In (0, 1).</param>
    public WeightAverage(Network network, double decay)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(decay);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(decay, 1);
        this.decay = decay;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        entries =
        [
            .. network.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Concat(network.named_buffers())
                .Select(t => (t.Item1, t.Item2, t.Item2.detach().clone().DetachFromDisposeScope())),
        ];
    }

    /// <summary>Goes on from a checkpoint: the network gets the weights in training, and the averages are those of the checkpoint's network.</summary>
    /// <param name="checkpoint">From whose network this object was created.</param>
    /// <exception cref="CheckpointException">A weight in training is missing.</exception>
    public void Restore(Checkpoint checkpoint)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (name, value, _) in entries)
        {
            value.copy_(checkpoint.Tensors.TryGetValue(Prefix + name, out var tensor)
                ? tensor
                : throw new CheckpointException(checkpoint.Path, $"no tensor \"{Prefix + name}\"", "the weights in training of a run with --average",
                    "Resume with the options that the run was started with; a run of an earlier build has to be started again."));
        }
    }

    /// <summary>Adds the present weights.</summary>
    /// <param name="steps">Steps taken before this one.</param>
    public void Update(long steps)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var share = 1 - Math.Min(decay, (1.0 + steps) / (10.0 + steps));
        foreach (var (_, value, average) in entries)
        {
            _ = value.is_floating_point() ? average.lerp_(value, share) : average.copy_(value);
        }
    }

    /// <summary>Runs a function while the network holds the averages; the weights come back to the last bit.</summary>
    /// <param name="function">Gets the weights in training by name, for a checkpoint. They are not its own.</param>
    public T While<T>(Func<IReadOnlyDictionary<string, Tensor>, T> function)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var weights = entries.ToDictionary(e => Prefix + e.Name, e => e.Value.detach().clone());
        try
        {
            foreach (var (_, value, average) in entries)
            {
                value.copy_(average);
            }

            return function(weights);
        }
        finally
        {
            foreach (var (name, value, _) in entries)
            {
                value.copy_(weights[Prefix + name]);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, _, average) in entries)
        {
            average.Dispose();
        }
    }
}
