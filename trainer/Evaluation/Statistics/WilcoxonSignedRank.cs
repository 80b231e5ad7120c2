namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>Wilcoxon's signed-rank test of paired differences against 0, two-sided.</summary>
/// <remarks>
/// Source: Wilcoxon 1945, Biometrics Bulletin 1:80. Differences of 0 are left out. Up to 50 untied differences the p value is exact;
/// otherwise it is the normal approximation with the variance corrected for ties and no continuity correction
/// (Hollander, Wolfe and Chicken 2014, Nonparametric Statistical Methods, section 3.1).
/// </remarks>
/// <param name="Statistic">The smaller of the rank sums of positive and negative differences.</param>
/// <param name="PValue">Two-sided.</param>
/// <param name="IsExact">Whether the p value is exact.</param>
/// <param name="RankBiserial">(R₊ - R₋) / (R₊ + R₋), in [-1, 1]: the effect size (Kerby 2014, doi:10.2466/11.IT.3.1).</param>
public sealed record WilcoxonSignedRank(double Statistic, double PValue, bool IsExact, double RankBiserial)
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
        var (positive, tieTerm) = (0.0, 0.0);
        for (var first = 0; first < n;)
        {
            var end = first + 1;
            for (; end < n && Math.Abs(kept[end]) == Math.Abs(kept[first]); end++)
            {
            }

            var ties = end - first;
            tieTerm += Math.Pow(ties, 3) - ties;
            var rank = (first + 1 + end) / 2.0;
            positive += rank * kept.Skip(first).Take(ties).Count(d => d > 0);
            first = end;
        }

        var total = n * (n + 1) / 2.0;
        var smaller = Math.Min(positive, total - positive);
        var isExact = tieTerm == 0 && n <= LargestExact && n == differences.Count;
        var variance = n * (n + 1.0) * (2 * n + 1) / 24 - tieTerm / 48;
        var p = isExact ? Exact(n, (int)smaller) : Normal.TwoSidedP((smaller - total / 2) / Math.Sqrt(variance));
        return new(smaller, Math.Min(1, p), isExact, (2 * positive - total) / total);
    }

    /// <summary>2 P(R ≤ statistic) over all 2ⁿ signs: the number of subsets of 1..n by their sum.</summary>
    private static double Exact(int n, int statistic)
    {
        var share = new double[n * (n + 1) / 2 + 1];
        share[0] = 1;
        for (var rank = 1; rank <= n; rank++)
        {
            for (var sum = share.Length - 1; sum >= 0; sum--)
            {
                share[sum] = 0.5 * (share[sum] + (sum >= rank ? share[sum - rank] : 0));
            }
        }

        return 2 * share.Take(statistic + 1).Sum();
    }
}
