using System.Text.Json;
using Credence.Inference.Statistics;

namespace Credence.Inference.Tests.Statistics;

/// <summary>The golden figures are SciPy's; see Golden/make_statistics.py.</summary>
public sealed class BootstrapTests
{
    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllText(RepositoryRoot.File("tests/Inference.Tests/Golden/statistics.json"))).RootElement;

    /// <summary>Among them ties and skewed values, where the percentile interval is another one.</summary>
    [Fact]
    public void The_interval_is_that_of_SciPy_within_its_own_noise() => Assert.All(Golden.GetProperty("bootstrap").EnumerateArray(), row =>
    {
        var interval = Bootstrap.OfMean([.. row.GetProperty("values").EnumerateArray().Select(v => v.GetDouble())], seed: 5)!;
        var (low, high) = (row.GetProperty("low").GetDouble(), row.GetProperty("high").GetDouble());
        Assert.Equal(low, interval.Low, 0.04 * (high - low));
        Assert.Equal(high, interval.High, 0.04 * (high - low));
    });

    [Fact]
    public void It_covers_the_mean_about_as_often_as_it_says()
    {
        var random = new Random(3);
        var covered = Enumerable.Range(0, 200).Count(n =>
        {
            var interval = Bootstrap.OfMean([.. Enumerable.Range(0, 40).Select(_ => random.NextDouble() + random.NextDouble())], n)!;
            return interval.Low <= 1 && interval.High >= 1;
        });

        Assert.InRange(covered, 178, 200); // 95 % of 200 is 190, its standard deviation 3
    }

    [Fact]
    public void One_value_has_no_interval_and_equal_values_one_without_width()
    {
        Assert.Null(Bootstrap.OfMean([0.3], 1));
        Assert.Equal(new Interval(0.3, 0.3), Bootstrap.OfMean([0.3, 0.3, 0.3], 1));
        Assert.Equal(Bootstrap.OfMean([0.1, 0.5, 0.6, 0.9], 7), Bootstrap.OfMean([0.1, 0.5, 0.6, 0.9], 7));
    }

    [Fact]
    public void The_normal_distribution_is_that_of_SciPy()
    {
        static double Number(JsonElement row, string name) => row.GetProperty(name).GetDouble();
        static void AssertClose(double expected, double actual, double relative) => Assert.InRange(actual, expected - relative * expected - 1e-300, expected + relative * expected + 1e-300);
        Assert.All(Golden.GetProperty("normal").EnumerateArray(), row =>
        {
            AssertClose(Number(row, "cdf"), Normal.Cdf(Number(row, "x")), 1e-12);
            AssertClose(2 * Math.Min(Number(row, "cdf"), 1 - Number(row, "cdf")), Normal.TwoSidedP(Number(row, "x")), 1e-10);
        });
        Assert.All(Golden.GetProperty("normalQuantiles").EnumerateArray(), row => Assert.Equal(Number(row, "x"), Normal.Quantile(Number(row, "p")), 1e-9));
        Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), (Normal.Quantile(0), Normal.Quantile(1)));
    }
}
