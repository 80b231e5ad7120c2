using CsCheck;
using Credence.Inference.Metrics;

namespace Credence.Inference.Tests.Metrics;

public sealed class ErrorDetectionTests
{
    /// <summary>Oracle: the definition, over all pairs and all thresholds.</summary>
    [Fact]
    public void Ranks_agree_with_all_pairs_and_all_thresholds() =>
        Gen.Select(Gen.Int[-4, 4], Gen.Bool).Array[1, 60].Sample(items =>
        {
            float[] scores = [.. items.Select(i => i.Item1 / 3f)];
            bool[] isPositive = [.. items.Select(i => i.Item2)];
            var positives = items.Where(i => i.Item2).ToList();
            var negatives = items.Where(i => !i.Item2).ToList();
            var pairs = positives.Sum(p => negatives.Sum(n => p.Item1 > n.Item1 ? 1 : p.Item1 == n.Item1 ? 0.5 : 0)) / ((double)positives.Count * negatives.Count);
            var (precision, before) = (0.0, 0.0);
            foreach (var threshold in items.Select(i => i.Item1).Distinct().OrderDescending())
            {
                var recall = (double)positives.Count(p => p.Item1 >= threshold) / positives.Count;
                precision += (recall - before) * positives.Count(p => p.Item1 >= threshold) / items.Count(i => i.Item1 >= threshold);
                before = recall;
            }

            var measured = ErrorDetection.Measure(scores, isPositive);

            Assert.Equal(pairs, measured.AreaUnderRoc, tolerance: 1e-12);
            Assert.Equal(precision, measured.AveragePrecision, tolerance: 1e-12);
        }, iter: 300, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Minus_zero_ties_with_zero_and_NaN_is_refused()
    {
        Assert.Equal(0.5, ErrorDetection.Measure([-0f, 0f], [true, false]).AreaUnderRoc);
        Assert.Equal(
            "Score 1 is NaN, which has no place in an order. (Parameter 'scores')",
            Assert.Throws<ArgumentException>(() => ErrorDetection.Measure([0, float.NaN], [true, false])).Message);
    }

    [Fact]
    public void Extreme_scores_of_both_signs_keep_their_order() => Assert.Equal(
        1, ErrorDetection.Measure([float.NegativeInfinity, -1e30f, -1e-30f, 0, 1e-30f, 1e30f, float.PositiveInfinity], [false, false, false, false, true, true, true]).AreaUnderRoc);
}
