using Credence.Models;
using Credence.Trainer.Distributed;

namespace Credence.Trainer.Training;

/// <summary>Whether processes that train together draw the same Gaussian weights.</summary>
internal enum WeightNoise
{
    /// <summary>One draw a step for all, so that the number of processes changes nothing.</summary>
    Shared,

    /// <summary>One draw a process: the gradient is a mean over several draws, and has less variance.</summary>
    Independent,
}

/// <summary>The noise of one step.</summary>
/// <param name="Pass">Of the pass over the examples from a place of the minibatch on.</param>
/// <param name="Kl">Of priors whose KL divergence is estimated by sampling; the same on every process.</param>
internal sealed record StepNoise(Func<int, INoiseSource> Pass, INoiseSource Kl)
{
    private const uint FirstOfKl = 1 << 24; // beyond the draws of any pass

    /// <summary>The noise of a step of a run.</summary>
    /// <param name="seed">Of the run.</param>
    /// <param name="step">From 0.</param>
    /// <param name="weights">Whether the processes share their weights.</param>
    /// <param name="group">The processes.</param>
    /// <param name="network">Whose type the noise has.</param>
    /// <param name="device">Of the network.</param>
    public static StepNoise Of(ulong seed, long step, WeightNoise weights, IProcessGroup group, Network network, Device device)
    {
        var (stream, type) = (weights == WeightNoise.Independent ? group.Rank : 0, network.parameters().First().dtype);
        return new(
            first => new PhiloxNoise(seed, step, first, stream, device, type),
            new PhiloxNoise(seed, step, 0, 0, device, type, FirstOfKl));
    }
}
