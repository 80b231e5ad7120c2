namespace Credence.Inference.Metrics;

/// <summary>Shared voxels of every pair of a reference and a predicted lesion that touch; indices from 0.</summary>
internal sealed class LesionOverlaps
{
    private readonly IReadOnlyList<int> referenceVoxels;
    private readonly IReadOnlyList<int> predictedVoxels;
    private readonly List<Overlap>[] ofReference;
    private readonly List<Overlap>[] ofPredicted;

    public LesionOverlaps(int[] referenceOf, int[] predictedOf, IReadOnlyList<int> referenceVoxels, IReadOnlyList<int> predictedVoxels)
    {
        (this.referenceVoxels, this.predictedVoxels) = (referenceVoxels, predictedVoxels);
        var shared = new Dictionary<(int Reference, int Predicted), int>();
        for (var v = 0; v < referenceOf.Length; v++)
        {
            if (referenceOf[v] != 0 && predictedOf[v] != 0)
            {
                var pair = (referenceOf[v] - 1, predictedOf[v] - 1);
                shared[pair] = shared.GetValueOrDefault(pair) + 1;
            }
        }

        ofReference = [.. referenceVoxels.Select(_ => new List<Overlap>())];
        ofPredicted = [.. predictedVoxels.Select(_ => new List<Overlap>())];
        foreach (var ((r, p), voxels) in shared.OrderBy(s => s.Key))
        {
            var overlap = new Overlap(r, p, voxels, (double)voxels / (referenceVoxels[r] + predictedVoxels[p] - voxels));
            ofReference[r].Add(overlap);
            ofPredicted[p].Add(overlap);
        }
    }

    /// <summary>The largest IoU of a reference lesion with a predicted one.</summary>
    public double BestIouOfReference(int reference) => ofReference[reference].Select(o => o.Iou).DefaultIfEmpty(0).Max();

    /// <summary>See <see cref="PredictedLesion.AdjustedIntersectionOverUnion"/>.</summary>
    public double AdjustedIou(int predicted)
    {
        var touched = ofPredicted[predicted];
        var shared = touched.Sum(o => o.Voxels);
        var covered = touched.Sum(o => ofReference[o.Reference].Sum(other => other.Voxels)) - shared; // K' ∩ Q
        return (double)shared / (predictedVoxels[predicted] + touched.Sum(o => referenceVoxels[o.Reference]) - shared - covered);
    }

    /// <summary>Greedy pairs in falling order of IoU; of equal ones, the first reference and then the first predicted lesion goes first.</summary>
    public (Match[] OfPredicted, bool[] IsMissed) OneToOne(double threshold)
    {
        var matches = new Match[predictedVoxels.Count];
        var isMissed = Enumerable.Repeat(true, referenceVoxels.Count).ToArray();
        foreach (var pair in ofReference.SelectMany(o => o).Where(o => o.Iou >= threshold).OrderByDescending(o => o.Iou))
        {
            if (isMissed[pair.Reference] && matches[pair.Predicted].Partner is null)
            {
                matches[pair.Predicted] = new(true, pair.Reference, pair.Iou);
                isMissed[pair.Reference] = false;
            }
        }

        return (matches, isMissed);
    }

    /// <summary>Every predicted lesion with the reference lesion that it overlaps best, as Shifts and MS_WML_uncs count.</summary>
    public (Match[] OfPredicted, bool[] IsMissed) BestOverlap(LesionRule rule)
    {
        var matches = ofPredicted
            .Select(overlaps => overlaps.Count == 0 ? default : Best(overlaps.MaxBy(o => o.Iou)))
            .ToArray();
        var isMissed = ofReference
            .Select((overlaps, r) => rule.Matching == MatchingRule.Shifts ? BestIouOfReference(r) < rule.Threshold : overlaps.Count == 0)
            .ToArray();
        return (matches, isMissed);

        Match Best(Overlap best) => new(best.Iou >= rule.Threshold, best.Reference, best.Iou);
    }

    /// <summary>What a predicted lesion is matched with.</summary>
    /// <param name="IsMatch">The predicted lesion is a true positive.</param>
    /// <param name="Partner">Reference lesion; null for none.</param>
    /// <param name="Iou">With the partner.</param>
    public readonly record struct Match(bool IsMatch, int? Partner, double Iou);

    private readonly record struct Overlap(int Reference, int Predicted, int Voxels, double Iou);
}
