namespace Credence.Inference.Metrics;

/// <summary>A connected component of the prediction.</summary>
/// <param name="Voxels">Its voxels.</param>
/// <param name="Volume">mm³.</param>
/// <param name="IsTruePositive">By the matching rule.</param>
/// <param name="Partner">Index of the reference lesion that it is matched with, in a one-to-one rule, or overlaps best; null for none.</param>
/// <param name="IntersectionOverUnion">With the partner; 0 for none.</param>
/// <param name="AdjustedIntersectionOverUnion">
/// |c ∩ K'| / |c ∪ (K' \ Q)|, with c this lesion, K' the reference lesions that it touches and Q all other predicted voxels, so that a reference lesion split into
/// several predicted ones is not held against each. Source: Rottmann et al. 2020, arXiv:1811.00648.
/// </param>
/// <param name="MeanUncertainty">Mean over its voxels of the uncertainty map; null where none was given.</param>
internal sealed record PredictedLesion(
    int Voxels, double Volume, bool IsTruePositive, int? Partner, double IntersectionOverUnion, double AdjustedIntersectionOverUnion, double? MeanUncertainty);
