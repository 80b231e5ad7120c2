using Credence.Trainer.Evaluation.Statistics;

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
        Assert.Null(Bootstrap.OfMean([0.3], 1));
        Assert.Equal(new Interval(0.3, 0.3), Bootstrap.OfMean([0.3, 0.3, 0.3], 1));
    }

    [Fact]
    public void Three_positive_differences_have_the_p_value_of_two_of_eight_signs()
    {
        var test = WilcoxonSignedRank.Test([0.1, 0.2, 0.3])!;

        Assert.Equal((0, 0.25, true, 1), (test.Statistic, test.PValue, test.IsExact, test.RankBiserial));
    }

    [Fact]
    public void The_bootstrap_covers_the_mean_about_as_often_as_it_says()
    {
        var random = new Random(3);
        var covered = Enumerable.Range(0, 200).Count(n =>
        {
            var interval = Bootstrap.OfMean([.. Enumerable.Range(0, 40).Select(_ => random.NextDouble() + random.NextDouble())], (ulong)n)!;
            return interval.Low <= 1 && interval.High >= 1;
        });

        Assert.InRange(covered, 178, 200); // 95 % of 200 is 190, its standard deviation 3
    }

    [Fact]
    public void Holms_correction_is_that_of_a_worked_example() =>
        // The smallest of four counts four times, the next three times, and none may fall below the one before.
        Assert.Equal([0.04, 0.06, 0.06, 0.04], HolmCorrection.Adjust([0.01, 0.04, 0.03, 0.0101]), (a, b) => Math.Abs(a - b) < 1e-12);
}
