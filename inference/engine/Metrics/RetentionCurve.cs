namespace Credence.Inference.Metrics;

/// <summary>How a score grows when the most uncertain part of a prediction is replaced by the reference: the better the uncertainty finds the errors, the larger the area.</summary>
/// <param name="Fractions">Share that is kept, rising from 0 to 1.</param>
/// <param name="Scores">Score at each share; 1 where nothing is on either side.</param>
internal sealed record RetentionCurve(IReadOnlyList<double> Fractions, IReadOnlyList<double> Scores)
{
    private const int ShiftsPoints = 200;

    /// <summary>The shares at which Shifts looks: ln i / ln 200, i = 1 .. 200, dense near 1 because lesions are rare.</summary>
    public static IReadOnlyList<double> ShiftsFractions { get; } = [.. Enumerable.Range(1, ShiftsPoints).Select(i => Math.Log(i) / Math.Log(ShiftsPoints))];

    /// <summary>Area under the curve by the trapezoidal rule, in [0, 1].</summary>
    public double Area
    {
        get
        {
            var area = 0.0;
            for (var n = 1; n < Fractions.Count; n++)
            {
                area += (Fractions[n] - Fractions[n - 1]) * (Scores[n] + Scores[n - 1]) / 2;
            }

            return area;
        }
    }

    /// <summary>Area above the curve, the "R-AUC" of Shifts: lower is better.</summary>
    public double AreaAbove => 1 - Area;

    /// <summary>nDSC when the first floor(N f) voxels in rising order of uncertainty are kept.</summary>
    /// <remarks>
    /// Source: Malinin et al. 2022, "Shifts 2.0", arXiv:2206.15407, <c>ndsc_aac_metric</c>. Its sort leaves ties to chance; here voxels with the same uncertainty
    /// keep their order in memory, as a stable sort gives.
    /// </remarks>
    /// <param name="order">Voxels by uncertainty, tagged with both labels.</param>
    /// <param name="label">The class.</param>
    internal static RetentionCurve NormalisedDice(ScoreOrder order, byte label)
    {
        var (falsePositives, falseNegatives, seen, referenceVoxels) = (0L, 0L, 0, 0L);
        for (var rank = 0; rank < order.Count; rank++)
        {
            referenceVoxels += LabelPair.Reference(order.Tag(rank)) == label ? 1 : 0;
        }

        var scores = new List<double>(ShiftsPoints);
        foreach (var fraction in ShiftsFractions)
        {
            for (var kept = (int)(order.Count * fraction); seen < kept; seen++)
            {
                var tag = order.Tag(seen);
                var (isReference, isPredicted) = (LabelPair.Reference(tag) == label, LabelPair.Prediction(tag) == label);
                falsePositives += isPredicted && !isReference ? 1 : 0;
                falseNegatives += isReference && !isPredicted ? 1 : 0;
            }

            scores.Add(One(new OverlapCounts(referenceVoxels - falseNegatives, falsePositives, falseNegatives, order.Count).NormalisedDice()));
        }

        return new(ShiftsFractions, scores);
    }

    /// <summary>The curve when every error is more uncertain than every correct voxel, false positives and negatives evenly mixed: the best that an uncertainty can do.</summary>
    public static RetentionCurve Ideal(OverlapCounts counts)
    {
        var errors = counts.FalsePositives + counts.FalseNegatives;
        return WithErrorsLeft(counts, fraction => errors == 0 ? 0 : Math.Max(0, errors - (1 - fraction) * counts.Voxels) / errors);
    }

    /// <summary>The curve of an uncertainty that knows nothing: counts at their expectation over all orders.</summary>
    public static RetentionCurve Random(OverlapCounts counts) => WithErrorsLeft(counts, fraction => fraction);

    /// <summary>
    /// F1 of lesions when the most uncertain ones are given to an expert: a false positive goes, a false negative is found, a true positive stays.
    /// Source: Molchanova et al. 2025, arXiv:2311.08931, whose curve has one point a lesion.
    /// </summary>
    /// <remarks>A lesion's uncertainty is the mean over its voxels. Of equally uncertain ones predicted lesions are kept before missed ones, each in the order of the lists.</remarks>
    /// <returns>Null where the lesions carry no uncertainty, or there are none.</returns>
    public static RetentionCurve? LesionF1(LesionMatching lesions)
    {
        var units = lesions.Predicted.Select(p => (p.MeanUncertainty, IsFalsePositive: !p.IsTruePositive, IsFalseNegative: false))
            .Concat(lesions.Reference.Where(r => r.IsFalseNegative).Select(r => (r.MeanUncertainty, IsFalsePositive: false, IsFalseNegative: true)))
            .OrderBy(u => u.MeanUncertainty).ToList();
        if (units.Count == 0 || units[0].MeanUncertainty is null)
        {
            return null;
        }

        var missed = units.Count(u => u.IsFalseNegative);
        var counts = new LesionCounts(lesions.Counts.TruePositives + missed, 0, 0);
        var scores = new List<double> { One(counts.F1) };
        foreach (var unit in units)
        {
            counts = unit.IsFalsePositive ? counts with { FalsePositives = counts.FalsePositives + 1 }
                : unit.IsFalseNegative ? new(counts.TruePositives - 1, counts.FalsePositives, counts.FalseNegatives + 1)
                : counts;
            scores.Add(One(counts.F1));
        }

        return new([.. Enumerable.Range(0, scores.Count).Select(n => (double)n / units.Count)], scores);
    }

    private static RetentionCurve WithErrorsLeft(OverlapCounts counts, Func<double, double> share)
    {
        var scale = counts.FalsePositiveScale(OverlapCounts.EffectiveLesionLoad);
        return new(ShiftsFractions, [.. ShiftsFractions.Select(fraction =>
        {
            var left = share(fraction);
            var falseNegatives = left * counts.FalseNegatives;
            var truePositives = counts.Reference - falseNegatives;
            return One(2 * truePositives / (2 * truePositives + scale * left * counts.FalsePositives + falseNegatives));
        })]);
    }

    private static double One(double score) => double.IsNaN(score) ? 1 : score;
}
