using Credence.Inference.Statistics;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Evaluation.Statistics;
using CsCheck;

namespace Credence.Trainer.Tests.Evaluation.Statistics;

/// <summary>What the tests say where there is little or nothing to test, and by hand-counted examples.</summary>
public sealed class SmallSampleTests
{
    [Fact]
    public void Nothing_to_test_has_no_p_value()
    {
        Assert.Null(WilcoxonSignedRank.Test([0, 0, 0]));
        Assert.Null(CorrectedResampledTest.Test([0.3], 0.25));
        Assert.Null(CorrectedResampledTest.Test([0.3, 0.3], 0.25));
    }

    [Fact]
    public void Three_positive_differences_have_the_p_value_of_two_of_eight_signs()
    {
        var test = WilcoxonSignedRank.Test([0.1, 0.2, 0.3])!;

        Assert.Equal((0, 0.25, true, 1), (test.Statistic, test.PValue, test.IsExact, test.RankBiserial));
    }

    /// <summary>Every sign of every rank, counted one by one.</summary>
    [Fact]
    public void Ties_and_zeros_have_the_share_of_all_signs_that_are_at_least_as_extreme()
    {
        Gen.Int[-4, 4].Array[1, 11].Where(d => d.Any(v => v != 0)).Sample(differences =>
        {
            var kept = differences.Where(d => d != 0).ToArray();
            double Rank(int d) => kept.Count(o => Math.Abs(o) < Math.Abs(d)) + (kept.Count(o => Math.Abs(o) == Math.Abs(d)) + 1) / 2.0;
            var ranks = kept.Select(Rank).ToArray();
            double Distance(IEnumerable<bool> isPositive) => Math.Abs(ranks.Zip(isPositive).Where(p => p.Second).Sum(p => p.First) - ranks.Sum() / 2);
            var seen = Distance(kept.Select(d => d > 0));
            var extreme = Enumerable.Range(0, 1 << kept.Length).Count(signs => Distance(Enumerable.Range(0, kept.Length).Select(bit => (signs >> bit & 1) == 1)) >= seen - 1e-9);

            var test = WilcoxonSignedRank.Test([.. differences.Select(d => (double)d)])!;

            Assert.True(test.IsExact);
            Assert.Equal(Math.Min(1, extreme / Math.Pow(2, kept.Length)), test.PValue, tolerance: 1e-12);
        }, seed: "0000KX6ldDG4", iter: 300);
    }

    /// <summary>Two methods of the same worth: 5 folds of 12 cases, 3 seeds; a difference of the training set, one of the case, one of the network.</summary>
    [Fact]
    public void Seeds_do_not_make_the_corrected_test_find_differences_that_are_not_there()
    {
        var random = new Random(11);
        double Gaussian() => Normal.Quantile(random.NextDouble());
        const int Repeats = 200;
        var found = Enumerable.Range(0, Repeats).Count(_ =>
        {
            var (first, second) = (new List<FoldResult>(), new List<FoldResult>());
            for (var fold = 0; fold < 5; fold++)
            {
                var shared = 0.02 * Gaussian();
                var cases = Enumerable.Range(0, 12).Select(n => (Id: $"case{fold}-{n}", Difference: 0.05 * Gaussian())).ToList();
                for (var seed = 1ul; seed <= 3; seed++)
                {
                    var network = shared + 0.005 * Gaussian();
                    FoldResult Result(Func<double, double> value) => new(seed, fold, [.. cases.Select(c => new CaseResult(c.Id, c.Id, new Dictionary<string, double?> { ["lesion/dice"] = value(c.Difference) }))]);
                    first.Add(Result(_ => 0.7));
                    second.Add(Result(difference => 0.7 + network + difference));
                }
            }

            ComparedResult Side(string name, List<FoldResult> results) => new(name, CrossValidationReport.AverageOverSeeds(results), results, null);
            return PairedComparison.OverFolds(Side("a", first), Side("b", second), "dice")!.PValue < 0.05;
        });

        Assert.InRange(found, 0, 0.05 * Repeats + 2 * Math.Sqrt(0.05 * 0.95 * Repeats));
    }

    [Fact]
    public void Holms_correction_is_that_of_a_worked_example() =>
        // The smallest of four counts four times, the next three times, and none may fall below the one before.
        Assert.Equal([0.04, 0.06, 0.06, 0.04], HolmCorrection.Adjust([0.01, 0.04, 0.03, 0.0101]), (a, b) => Math.Abs(a - b) < 1e-12);
}
