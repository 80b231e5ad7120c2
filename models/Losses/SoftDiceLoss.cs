namespace Credence.Models.Losses;

/// <summary>Soft Dice loss: 1 − Dice of probabilities, averaged over examples and foreground classes.</summary>
/// <remarks>
/// Source: Drozdzal et al. 2016, arXiv:1608.04117, section 2 (sums, not squares, in the denominator), as in nnU-Net.
/// A class absent from prediction and target of an example scores Dice = 1. Not a log-likelihood.
/// </remarks>
public static class SoftDiceLoss
{
    private const double Smooth = 1e-5; // in numerator and denominator: 0/0 becomes 1

    /// <summary>Computes the loss.</summary>
    /// <param name="probability">(N, K, D, H, W), in [0, 1]; class 0 is background and does not count.</param>
    /// <param name="target">(N, K, D, H, W), one-hot, 0 or 1.</param>
    /// <returns>Scalar in [0, 1].</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Compute(Tensor probability, Tensor target)
    {
        if (!probability.shape.SequenceEqual(target.shape))
        {
            throw new ArgumentException(
                $"Target has shape ({string.Join(", ", target.shape)}) but probability has ({string.Join(", ", probability.shape)}); they must be equal.",
                nameof(target));
        }

        using var scope = NewDisposeScope();

        long[] space = [2, 3, 4];
        var overlap = (probability * target).sum(space); // (N, K)
        var total = probability.sum(space) + target.sum(space); // (N, K)
        var dice = (2 * overlap + Smooth) / (total + Smooth); // (N, K)

        return (1 - dice[TensorIndex.Colon, 1..]).mean().MoveToOuterDisposeScope();
    }
}
