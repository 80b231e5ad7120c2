using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>Lesions of a prediction against lesions of a reference.</summary>
internal sealed class LesionMatching
{
    private LesionMatching(LesionRule rule, IReadOnlyList<PredictedLesion> predicted, IReadOnlyList<ReferenceLesion> reference)
    {
        (Rule, Predicted, Reference) = (rule, predicted, reference);
        var truePositives = predicted.Count(p => p.IsTruePositive);
        Counts = new(truePositives, predicted.Count - truePositives, reference.Count(r => r.IsFalseNegative));
    }

    /// <summary>How the lesions were told apart and matched.</summary>
    public LesionRule Rule { get; }

    /// <summary>Lesions of the prediction, in the order of their first voxel in memory.</summary>
    public IReadOnlyList<PredictedLesion> Predicted { get; }

    /// <summary>Lesions of the reference, in the order of their first voxel in memory.</summary>
    public IReadOnlyList<ReferenceLesion> Reference { get; }

    /// <summary>By the rule.</summary>
    public LesionCounts Counts { get; }

    /// <summary>Segmentation quality SQ: mean IoU of the true positives with their partners; NaN without a true positive.</summary>
    public double SegmentationQuality => Predicted.Where(p => p.IsTruePositive).Select(p => p.IntersectionOverUnion).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Panoptic quality PQ = RQ SQ = sum of IoU / (TP + (FP + FN) / 2); NaN where neither side has a lesion. Source: Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963.</summary>
    public double PanopticQuality =>
        Predicted.Where(p => p.IsTruePositive).Sum(p => p.IntersectionOverUnion) / (Counts.TruePositives + 0.5 * (Counts.FalsePositives + Counts.FalseNegatives));

    /// <summary>Counts of the lesions of one size: missed reference lesions and false positives by their own volume, true positives by that of their partner.</summary>
    /// <param name="from">mm³, included.</param>
    /// <param name="to">mm³, not included.</param>
    public LesionCounts CountBetween(double from, double to)
    {
        return new(
            Predicted.Count(p => p.IsTruePositive && IsBetween(Reference[p.Partner!.Value].Volume)),
            Predicted.Count(p => !p.IsTruePositive && IsBetween(p.Volume)),
            Reference.Count(r => r.IsFalseNegative && IsBetween(r.Volume)));

        bool IsBetween(double volume) => volume >= from && volume < to;
    }

    /// <summary>Finds and matches lesions.</summary>
    /// <param name="reference">(D, H, W).</param>
    /// <param name="prediction">(D, H, W).</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="voxelVolume">mm³.</param>
    /// <param name="rule">How.</param>
    /// <param name="uncertainty">(D, H, W); empty for none.</param>
    public static LesionMatching Match(
        ReadOnlySpan<bool> reference, ReadOnlySpan<bool> prediction, Size3 size, double voxelVolume, LesionRule rule, ReadOnlySpan<float> uncertainty = default)
    {
        var (referenceOf, referenceVoxels) = ConnectedComponents.Label(reference, size, rule.Connectivity);
        var (predictedOf, predictedVoxels) = ConnectedComponents.Label(prediction, size, rule.Connectivity);
        var table = new LesionOverlaps(referenceOf, predictedOf, referenceVoxels, predictedVoxels);
        var (pairs, missed) = rule.Matching == MatchingRule.OneToOne ? table.OneToOne(rule.Threshold) : table.BestOverlap(rule);
        var predictedUncertainty = Means(predictedOf, predictedVoxels, uncertainty);
        var referenceUncertainty = Means(referenceOf, referenceVoxels, uncertainty);
        return new(
            rule,
            [.. predictedVoxels.Select((n, p) => new PredictedLesion(
                n, n * voxelVolume, pairs[p].IsMatch, pairs[p].Partner, pairs[p].Iou, table.AdjustedIou(p), predictedUncertainty?[p]))],
            [.. referenceVoxels.Select((n, r) => new ReferenceLesion(n, n * voxelVolume, missed[r], table.BestIouOfReference(r), referenceUncertainty?[r]))]);
    }

    private static double[]? Means(int[] components, IReadOnlyList<int> voxels, ReadOnlySpan<float> uncertainty)
    {
        if (uncertainty.IsEmpty)
        {
            return null;
        }

        var means = new double[voxels.Count];
        for (var v = 0; v < components.Length; v++)
        {
            if (components[v] != 0)
            {
                means[components[v] - 1] += uncertainty[v];
            }
        }

        for (var lesion = 0; lesion < means.Length; lesion++)
        {
            means[lesion] /= voxels[lesion];
        }

        return means;
    }
}
