using System.Text.Json;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer.Tests.Evaluation.Statistics;

/// <summary>The golden figures are SciPy's; see Golden/make_statistics.py.</summary>
public sealed class StatisticsGoldenTests
{
    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllText(RepositoryRoot.File("tests/Trainer.Tests/Golden/statistics.json"))).RootElement;

    [Fact]
    public void The_normal_distribution_is_that_of_SciPy()
    {
        Assert.All(Rows("normal"), row => AssertClose(Number(row, "cdf"), Normal.Cdf(Number(row, "x")), 1e-12));
        Assert.All(Rows("normal"), row => AssertClose(2 * Math.Min(Number(row, "cdf"), 1 - Number(row, "cdf")), Normal.TwoSidedP(Number(row, "x")), 1e-10));
        Assert.All(Rows("normalQuantiles"), row => Assert.Equal(Number(row, "x"), Normal.Quantile(Number(row, "p")), 1e-9));
        Assert.Equal((double.NegativeInfinity, double.PositiveInfinity), (Normal.Quantile(0), Normal.Quantile(1)));
    }

    [Fact]
    public void Students_distribution_is_that_of_SciPy() => Assert.All(Rows("studentT"), row =>
    {
        AssertClose(Number(row, "p"), StudentT.TwoSidedP(Number(row, "t"), Number(row, "df")), 1e-10);
        AssertClose(Number(row, "quantile"), StudentT.TwoSidedQuantile(0.05, Number(row, "df")), 1e-9);
    });

    [Fact]
    public void Wilcoxons_test_is_that_of_SciPy_exact_and_with_ties() => Assert.All(Rows("wilcoxon"), row =>
    {
        var test = WilcoxonSignedRank.Test(Numbers(row, "differences"))!;
        Assert.Equal(row.GetProperty("exact").GetBoolean(), test.IsExact);
        Assert.Equal(Number(row, "statistic"), test.Statistic, 1e-9);
        AssertClose(Number(row, "p"), test.PValue, 1e-9);
    });

    [Fact]
    public void The_bootstrap_interval_is_that_of_SciPy_within_its_own_noise() => Assert.All(Rows("bootstrap"), row =>
    {
        var interval = Bootstrap.OfMean(Numbers(row, "values"), seed: 5)!;
        var width = Number(row, "high") - Number(row, "low");
        Assert.Equal(Number(row, "low"), interval.Low, 0.04 * width);
        Assert.Equal(Number(row, "high"), interval.High, 0.04 * width);
    });

    [Fact]
    public void The_corrected_resampled_test_is_that_of_the_formula_with_SciPys_distribution() => Assert.All(Rows("corrected"), row =>
    {
        var test = CorrectedResampledTest.Test(Numbers(row, "differences"), Number(row, "share"))!;
        AssertClose(Number(row, "t"), test.Statistic, 1e-9);
        AssertClose(Number(row, "p"), test.PValue, 1e-9);
        Assert.Equal((Number(row, "low"), Number(row, "high")), (test.Interval.Low, test.Interval.High), (a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-9);
    });

    private static List<JsonElement> Rows(string name) => [.. Golden.GetProperty(name).EnumerateArray()];

    private static double Number(JsonElement row, string name) => row.GetProperty(name).GetDouble();

    private static List<double> Numbers(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(v => v.GetDouble())];

    private static void AssertClose(double expected, double actual, double relative) => Assert.InRange(actual, expected - relative * Math.Abs(expected) - 1e-300, expected + relative * Math.Abs(expected) + 1e-300);
}
