namespace Credence.Inference.Metrics;

/// <summary>How well a score tells positive items from negative ones, such as wrong voxels from right ones by their uncertainty. Exact, ties included: the items are sorted.</summary>
/// <param name="AreaUnderRoc">
/// Probability that a positive item scores above a negative one, a tie counting one half (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747); NaN where either kind is missing.
/// </param>
/// <param name="AveragePrecision">Sum over falling thresholds of (recall - recall before) times precision; items with the same score share a threshold. NaN without a positive item.</param>
/// <param name="Positives">Positive items.</param>
/// <param name="Items">All items.</param>
internal sealed record ErrorDetection(double AreaUnderRoc, double AveragePrecision, long Positives, long Items)
{
    /// <summary>Measures.</summary>
    /// <param name="scores">Higher means more likely positive; no NaN.</param>
    /// <param name="isPositive">One a score.</param>
    /// <exception cref="ArgumentException">A score is NaN.</exception>
    public static ErrorDetection Measure(ReadOnlySpan<float> scores, ReadOnlySpan<bool> isPositive)
    {
        var tags = new ushort[scores.Length];
        for (var n = 0; n < tags.Length; n++)
        {
            tags[n] = isPositive[n] ? LabelPair.Create(1, 0) : (ushort)0;
        }

        return OfErrors(ScoreOrder.Sort(scores, tags));
    }

    /// <summary>Measures voxels tagged with both labels: positive is where they differ.</summary>
    internal static ErrorDetection OfErrors(ScoreOrder order)
    {
        var (positives, negatives) = (0L, 0L);
        var (above, precisionSum) = (0.0, 0.0); // pairs in which the positive item scores higher; precision summed over positives
        for (var end = order.Count; end > 0;)
        {
            var (start, positivesHere) = (end, 0L);
            do
            {
                var tag = order.Tag(--start);
                positivesHere += LabelPair.Reference(tag) != LabelPair.Prediction(tag) ? 1 : 0;
            }
            while (start > 0 && order.IsTie(start - 1, start));

            var negativesHere = end - start - positivesHere;
            above += (double)negativesHere * positives + 0.5 * negativesHere * positivesHere;
            positives += positivesHere;
            negatives += negativesHere;
            precisionSum += positivesHere == 0 ? 0 : (double)positivesHere * positives / (positives + negatives);
            end = start;
        }

        return new(above / ((double)positives * negatives), precisionSum / positives, positives, order.Count);
    }
}
