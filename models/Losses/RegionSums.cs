namespace Credence.Models.Losses;

/// <summary>What region losses are made of: p the probability and r the one-hot target, summed over voxels. (N, K') or, over the batch, (K').</summary>
/// <param name="Overlap">Σ p r.</param>
/// <param name="Predicted">Σ p.</param>
/// <param name="Reference">Σ r.</param>
internal readonly record struct RegionSums(Tensor Overlap, Tensor Predicted, Tensor Reference)
{
    /// <summary>Added to denominators, and once more to the overlap: a class absent from prediction and target costs nothing.</summary>
    public const double Smooth = 1e-5;
}
