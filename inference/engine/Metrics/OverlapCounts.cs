namespace Credence.Inference.Metrics;

/// <summary>Voxel counts of one class, and the overlap measures that follow from them.</summary>
/// <param name="TruePositives">In reference and prediction.</param>
/// <param name="FalsePositives">In the prediction only.</param>
/// <param name="FalseNegatives">In the reference only.</param>
/// <param name="Voxels">All voxels that were looked at.</param>
internal readonly record struct OverlapCounts(long TruePositives, long FalsePositives, long FalseNegatives, long Voxels)
{
    /// <summary>Share of lesion voxels to which <see cref="NormalisedDice"/> normalises, as published: 0.1 %.</summary>
    public const double EffectiveLesionLoad = 0.001;

    /// <summary>Voxels of the reference.</summary>
    public long Reference => TruePositives + FalseNegatives;

    /// <summary>Voxels of the prediction.</summary>
    public long Predicted => TruePositives + FalsePositives;

    /// <summary>Neither mask has a voxel.</summary>
    public bool IsEmpty => Reference + Predicted == 0;

    /// <summary>2 TP / (2 TP + FP + FN), in [0, 1]; NaN where both masks are empty. Source: Dice 1945, doi:10.2307/1932409.</summary>
    public double Dice => 2.0 * TruePositives / (Reference + Predicted);

    /// <summary>TP / (TP + FP + FN), in [0, 1]; NaN where both masks are empty. Source: Jaccard 1912, doi:10.1111/j.1469-8137.1912.tb05611.x.</summary>
    public double IntersectionOverUnion => (double)TruePositives / (TruePositives + FalsePositives + FalseNegatives);

    /// <summary>TP / (TP + FP); NaN where nothing is predicted.</summary>
    public double Precision => (double)TruePositives / Predicted;

    /// <summary>TP / (TP + FN); NaN where the reference is empty.</summary>
    public double Recall => (double)TruePositives / Reference;

    /// <summary>
    /// Dice with false positives scaled as if the reference filled the share <paramref name="lesionLoad"/> of the voxels, so that cases with few and many lesions compare:
    /// 2 TP / (2 TP + k FP + FN), k = (1 - r) P / (r (N - P)), and k = 1 where P = 0. NaN where both masks are empty.
    /// </summary>
    /// <remarks>Source: Raina et al. 2023, "Tackling Bias in the Dice Similarity Coefficient", arXiv:2302.05432.</remarks>
    /// <param name="lesionLoad">r, in (0, 1).</param>
    public double NormalisedDice(double lesionLoad = EffectiveLesionLoad) =>
        2.0 * TruePositives / (2.0 * TruePositives + FalsePositiveScale(lesionLoad) * FalsePositives + FalseNegatives);

    /// <summary>k of <see cref="NormalisedDice"/>.</summary>
    internal double FalsePositiveScale(double lesionLoad)
    {
        var background = Voxels - Reference;
        return Reference == 0 ? 1 : background == 0 ? 0 : (1 - lesionLoad) * Reference / (lesionLoad * background);
    }
}
