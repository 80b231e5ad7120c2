using Credence.Models;
using Credence.Models.Losses;

namespace Credence.Trainer.Training;

/// <summary>The loss of a network with outputs at several resolutions.</summary>
/// <remarks>Output i, of half the resolution of the one before, counts 1 / 2^i, normalised to a sum of 1. Source: Isensee et al. 2021, nnU-Net, as in its trainer.</remarks>
internal static class DeepSupervision
{
    /// <summary>Runs the network and computes its loss.</summary>
    /// <param name="network">Without auxiliary outputs the loss is that of its logits.</param>
    /// <param name="images">(N, C, D, H, W).</param>
    /// <param name="targets">(N, D, H, W), int64 class indices; resampled to each output by the nearest voxel.</param>
    /// <param name="noise">Source of randomness.</param>
    /// <param name="loss">The loss of logits (N, K, D', H', W') and targets (N, D', H', W').</param>
    /// <returns>The terms of the logits, with the weighted sum of all outputs as total.</returns>
    public static LossTerms Compute(Network network, Tensor images, Tensor targets, INoiseSource noise, Func<Tensor, Tensor, LossTerms> loss)
    {
        var outputs = network.RunWithAuxiliary(images, noise);
        var terms = loss(outputs[0], targets);
        if (outputs.Count == 1)
        {
            return terms;
        }

        var weights = Weights(outputs.Count);
        var total = terms.Total * weights[0];
        for (var n = 1; n < outputs.Count; n++)
        {
            using var auxiliary = loss(outputs[n], Nearest(targets, outputs[n].shape[2..]));
            total = total + auxiliary.Total * weights[n];
        }

        return terms with { Total = total };
    }

    /// <summary>The weights of the outputs, highest resolution first.</summary>
    internal static double[] Weights(int outputs)
    {
        var weights = Enumerable.Range(0, outputs).Select(i => Math.Pow(2, -i)).ToArray();
        return [.. weights.Select(w => w / weights.Sum())];
    }

    /// <summary>The voxel at the centre of each block; right of it where the block has no centre voxel.</summary>
    /// <param name="targets">(N, D, H, W).</param>
    /// <param name="size">(D', H', W'), of which D, H, W are multiples.</param>
    internal static Tensor Nearest(Tensor targets, long[] size)
    {
        using var scope = NewDisposeScope();
        var result = targets;
        for (var axis = 0; axis < size.Length; axis++)
        {
            var (edge, step) = (targets.shape[axis + 1], targets.shape[axis + 1] / size[axis]);
            result = result.slice(axis + 1, step / 2, edge, step);
        }

        return result.MoveToOuterDisposeScope();
    }
}
