using Credence.Models.Layers;

namespace Credence.Models.Checkpoints;

/// <summary>What a network took over from a trained one. Names are those of the tensors of the network, without <c>network/</c>.</summary>
/// <param name="Checkpoint">The file.</param>
/// <param name="Copied">Taken over as they were.</param>
/// <param name="MadeGaussian">Points that became the mean of a Gaussian with σ = delta · |w|.</param>
/// <param name="MadePoints">Gaussians of which the mean was taken.</param>
/// <param name="Fresh">Not in the checkpoint: as they were initialised.</param>
/// <param name="Unused">In the checkpoint, but not in the network.</param>
public sealed record StartReport(
    string Checkpoint, IReadOnlyList<string> Copied, IReadOnlyList<string> MadeGaussian, IReadOnlyList<string> MadePoints,
    IReadOnlyList<string> Fresh, IReadOnlyList<string> Unused);

/// <summary>Starts a network from the weights of a trained one: to go on on other data, or to make a plain network Bayesian in the stages that its options name.</summary>
/// <remarks>
/// A point w that becomes a Gaussian gets μ = w and σ = delta · |w|, but at least the floor of the options: MOPED, Krishnan et al. 2020, arXiv:1906.05323.
/// The prior mean stays 0, or becomes w where the options say <see cref="Priors.PriorMean.Start"/>.
/// </remarks>
public static class NetworkStart
{
    /// <summary>Takes over everything that has the same place in both networks.</summary>
    /// <param name="network">Receives the weights; on the CPU.</param>
    /// <param name="start">The trained network.</param>
    /// <param name="delta">σ / |w| of a point that becomes a Gaussian, above 0.</param>
    /// <exception cref="CheckpointException">A tensor has another shape; the message names it.</exception>
    public static StartReport Apply(Network network, Checkpoint start, double delta)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(delta);
        using var pause = FinalizerPause.Begin();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (copied, madeGaussian, madePoints, fresh) = (new List<string>(), new List<string>(), new List<string>(), new List<string>());
        var unused = start.Tensors.Keys.Where(k => k.StartsWith(Checkpoint.NetworkPrefix, StringComparison.Ordinal)).Select(k => k[Checkpoint.NetworkPrefix.Length..]).ToHashSet();
        Tensor? Take(string name, Tensor like)
        {
            if (!start.Tensors.TryGetValue(Checkpoint.NetworkPrefix + name, out var tensor))
            {
                return null;
            }

            unused.Remove(name);
            return tensor.shape.SequenceEqual(like.shape) ? tensor : throw new CheckpointException(
                start.Path, $"tensor \"{Checkpoint.NetworkPrefix + name}\" of shape ({string.Join(", ", tensor.shape)})", $"({string.Join(", ", like.shape)})",
                "Start from a network with the same channels, classes, width, strides and kernels.");
        }

        var weights = new HashSet<string>();
        foreach (var node in network.Nodes.Concat(network.Auxiliary))
        {
            if ((node.Layer as IWeightedLayer)?.Weight is not { } weight)
            {
                continue;
            }

            var name = $"{node.Name}.weight";
            weights.Add(name);
            if (weight is GaussianWeight gaussian)
            {
                if (Take($"{name}.value", gaussian.Mean) is { } point)
                {
                    gaussian.Start(point, (delta * point.abs()).clamp(network.Options.SigmaFloor));
                    madeGaussian.Add(name);
                }
                else if (Take($"{name}.mean", gaussian.Mean) is { } mean && Take($"{name}.rho", gaussian.Rho) is { } rho)
                {
                    gaussian.Start(mean, nn.functional.softplus(rho));
                    copied.Add(name);
                }
                else
                {
                    fresh.Add(name);
                }
            }
            else if (weight is PointWeight pointWeight)
            {
                if (Take($"{name}.value", pointWeight.Value) is { } value)
                {
                    pointWeight.Value.copy_(value);
                    copied.Add(name);
                }
                else if (Take($"{name}.mean", pointWeight.Value) is { } mean)
                {
                    pointWeight.Value.copy_(mean);
                    madePoints.Add(name);
                }
                else
                {
                    fresh.Add(name);
                }
            }
        }

        foreach (var (name, tensor) in Checkpoint.State(network).Where(t => !weights.Contains(t.Name[..Math.Max(0, t.Name.LastIndexOf('.'))])))
        {
            if (Take(name, tensor) is { } value)
            {
                tensor.copy_(value);
                copied.Add(name);
            }
            else
            {
                fresh.Add(name);
            }
        }

        return new(start.Path, copied, madeGaussian, madePoints, fresh, [.. unused.Order(StringComparer.Ordinal)]);
    }
}
