using System.Text.Json;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer.Tests.Evaluation.Statistics;

/// <summary>The golden figures are SciPy's; see Golden/make_statistics.py.</summary>
public sealed class StatisticsGoldenTests
{
    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllText(RepositoryRoot.File("tests/Trainer.Tests/Golden/statistics.json"))).RootElement;

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
