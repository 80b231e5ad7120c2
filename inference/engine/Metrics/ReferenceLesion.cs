namespace Credence.Inference.Metrics;

/// <summary>A connected component of the reference.</summary>
/// <param name="Voxels">Its voxels.</param>
/// <param name="Volume">mm³.</param>
/// <param name="IsFalseNegative">By the matching rule.</param>
/// <param name="IntersectionOverUnion">The largest with a predicted lesion; 0 for none.</param>
/// <param name="MeanUncertainty">Mean over its voxels of the uncertainty map; null where none was given.</param>
internal sealed record ReferenceLesion(int Voxels, double Volume, bool IsFalseNegative, double IntersectionOverUnion, double? MeanUncertainty);
