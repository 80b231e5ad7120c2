using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>Dice coefficient of two label maps: 2 |A ∩ B| / (|A| + |B|), for a caller who wants nothing else of <see cref="CaseEvaluation"/>.</summary>
/// <remarks>A label that neither map holds has no Dice: NaN, which a mean leaves out.</remarks>
internal static class DiceScore
{
    /// <summary>Computes the score of one label.</summary>
    /// <returns>In [0, 1], or NaN where neither map holds the label.</returns>
    /// <exception cref="ArgumentException">The maps differ in size.</exception>
    public static double Compute(LabelMap prediction, LabelMap reference, byte label) =>
        prediction.Geometry.Size == reference.Geometry.Size
            ? ClassMasks.Count(reference, prediction, label).Dice
            : throw new ArgumentException($"The prediction has {prediction.Geometry.Size} voxels but the reference {reference.Geometry.Size}.", nameof(reference));
}
