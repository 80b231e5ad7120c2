using Credence.Inference.Statistics;

namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>Wilcoxon's signed-rank test of paired differences against 0, two-sided.</summary>
/// <remarks>
/// Source: Wilcoxon 1945, Biometrics Bulletin 1:80. Differences of 0 are left out, equal ones share their mean rank. Up to 50 differences the p value is exact:
/// the share of all signs of these ranks. Above it is the normal approximation with the variance corrected for ties and a continuity correction of 1/2
/// (Hollander, Wolfe and Chicken 2014, Nonparametric Statistical Methods, section 3.1).
/// </remarks>
/// <param name="Statistic">The smaller of the rank sums of positive and negative differences.</param>
/// <param name="PValue">Two-sided.</param>
/// <param name="IsExact">Whether the p value is exact.</param>
/// <param name="RankBiserial">(R₊ - R₋) / (R₊ + R₋), in [-1, 1]: the effect size (Kerby 2014, doi:10.2466/11.IT.3.1).</param>
internal sealed record WilcoxonSignedRank(double Statistic, double PValue, bool IsExact, double RankBiserial)
{
    private const int LargestExact = 50;

    /// <summary>Tests.</summary>
    /// <returns>Null where no difference is other than 0.</returns>
    public static WilcoxonSignedRank? Test(IReadOnlyList<double> differences)
    {
        var kept = differences.Where(d => d != 0).OrderBy(Math.Abs).ToList();
        if (kept.Count == 0)
        {
            return null;
        }

        var n = kept.Count;
        var (positive, tieTerm, doubledRanks) = (0.0, 0.0, new int[n]);
        for (var first = 0; first < n;)
        {
            var end = first + 1;
            for (; end < n && Math.Abs(kept[end]) == Math.Abs(kept[first]); end++)
            {
            }

            var ties = end - first;
            tieTerm += Math.Pow(ties, 3) - ties;
            Array.Fill(doubledRanks, first + 1 + end, first, ties);
            positive += (first + 1 + end) / 2.0 * kept.Skip(first).Take(ties).Count(d => d > 0);
            first = end;
        }

        var total = n * (n + 1) / 2.0;
        var smaller = Math.Min(positive, total - positive);
        var isExact = n <= LargestExact;
        var variance = n * (n + 1.0) * (2 * n + 1) / 24 - tieTerm / 48;
        var p = isExact ? Exact(doubledRanks, (int)(2 * smaller)) : Normal.TwoSidedP(Math.Min(0, smaller - total / 2 + 0.5) / Math.Sqrt(variance));
        return new(smaller, Math.Min(1, p), isExact, (2 * positive - total) / total);
    }

    /// <summary>2 P(R ≤ statistic) over all 2ⁿ signs: the share of the subsets of the ranks by their sum. Ranks are doubled, so that a mean of two is whole.</summary>
    private static double Exact(int[] doubledRanks, int doubledStatistic)
    {
        var share = new double[doubledRanks.Sum() + 1];
        share[0] = 1;
        foreach (var rank in doubledRanks)
        {
            for (var sum = share.Length - 1; sum >= 0; sum--)
            {
                share[sum] = 0.5 * (share[sum] + (sum >= rank ? share[sum - rank] : 0));
            }
        }

        return 2 * share.Take(doubledStatistic + 1).Sum();
    }
}
