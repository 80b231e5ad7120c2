using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class PairedComparisonTests
{
    [Fact]
    public void A_clear_difference_is_said_so_in_a_sentence()
    {
        var a = Result("a", [.. Enumerable.Range(0, 12).Select(n => (double?)(0.5 + 0.01 * n))]);
        var b = Result("b", [.. Enumerable.Range(0, 12).Select(n => (double?)(0.6 + 0.011 * n))]);

        var comparison = Assert.Single(PairedComparison.All([a, b], "dice"));

        Assert.Equal(12, comparison.Patients);
        Assert.Equal(0.1055, comparison.MeanDifference, tolerance: 1e-12);
        Assert.Matches(@"^dice of b is 0\.1055 higher than that of a on average over 12 patients; 95 % interval of the difference 0\.10\d* to 0\.10\d*; Wilcoxon p = 0\.00049: chance alone would rarely give a difference like this\.$", comparison.Sentence);
    }

    [Fact]
    public void No_difference_is_not_called_equality()
    {
        var a = Result("a", [0.5, 0.6, 0.7, 0.8]);
        var b = Result("b", [0.6, 0.5, 0.72, 0.79]);

        Assert.EndsWith("these patients do not tell the two apart, which does not prove them equal.", Assert.Single(PairedComparison.All([a, b], "lesion/dice")).Sentence, StringComparison.Ordinal);
        Assert.Contains("is the same as that of a", Assert.Single(PairedComparison.All([a, a], "dice")).Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public void A_patient_with_several_cases_counts_once_and_undefined_values_are_left_out()
    {
        var a = Result("a", [0.5, 0.5, 0.5, null], ["p", "p", "q", "r"]);
        var b = Result("b", [0.6, 0.8, 0.5, 0.9], ["p", "p", "q", "r"]);

        var comparison = Assert.Single(PairedComparison.All([a, b], "dice"));

        Assert.Equal(["p", "q"], comparison.Differences.Keys);
        Assert.Equal((1, 1), (comparison.UndefinedPairs, PatientSummary.Of("lesion/dice", a.Cases)!.UndefinedCases));
        Assert.Contains("over 2 patients (1 cases without a value left out)", comparison.Sentence, StringComparison.Ordinal);
        Assert.Equal(0.2, comparison.Differences["p"], tolerance: 1e-12);
        Assert.Equal(0.1, comparison.MeanDifference, tolerance: 1e-12);
    }

    [Fact]
    public void The_p_values_of_several_pairs_are_corrected_together()
    {
        var results = Enumerable.Range(0, 3).Select(r => Result($"{r}", [.. Enumerable.Range(0, 8).Select(n => (double?)(0.5 + 0.1 * r + 0.001 * n * n * (r + 1)))])).ToList();

        var pairs = PairedComparison.All(results, "dice");

        Assert.Equal(3, pairs.Count);
        Assert.All(pairs, p => Assert.Equal(3 * p.Wilcoxon!.PValue, p.AdjustedPValue!.Value, tolerance: 1e-12)); // all three have the smallest p there is
    }

    [Fact]
    public void Cross_validations_are_compared_over_their_networks_too()
    {
        var folds = Enumerable.Range(0, 6).Select(n => new FoldResult((ulong)(n / 3), n % 3, [new($"case{n % 3}", $"case{n % 3}", new Dictionary<string, double?> { ["lesion/dice"] = 0.5 })])).ToList();
        var better = folds.Select((f, n) => f with { Cases = [f.Cases[0] with { Values = new Dictionary<string, double?> { ["lesion/dice"] = 0.6 + 0.01 * n } }] }).ToList();
        ComparedResult Side(string name, IReadOnlyList<FoldResult> results) => new(name, CrossValidationReport.AverageOverSeeds(results), results, null);

        var test = Assert.Single(PairedComparison.All([Side("a", folds), Side("b", better)], "dice")).CrossValidation!;

        // Fold by fold d = 0.115, 0.125, 0.135, the means of two seeds each: mean 0.125, variance 1e-4; (1/3 + 1/2) of it is the squared error.
        Assert.Equal(3, test.Folds);
        Assert.Equal(0.125 / Math.Sqrt((1 / 3.0 + 0.5) * 1e-4), test.Statistic, tolerance: 1e-9);
        Assert.Null(Assert.Single(PairedComparison.All([Side("a", folds), Side("b", better[..5])], "dice")).CrossValidation);
    }

    [Fact]
    public void Results_on_other_scans_of_the_same_names_are_refused()
    {
        var (a, b) = (Result("a", [0.5]) with { DataHash = new('1', 64) }, Result("b", [0.5]) with { DataHash = new('2', 64) });
        Assert.Equal("b: validation cases of data 2222222222222222; expected validation cases of data 1111111111111111 as in a. "
            + "Compare results on the same scans and masks; evaluate both runs again with the same --data.", Assert.Throws<DatasetException>(() => PairedComparison.All([a, b], "dice")).Message);
        Assert.Single(PairedComparison.All([a, b with { DataHash = a.DataHash }], "dice"));

        var test = b with { TestSet = new(new('3', 64), "lock", 1) };
        Assert.Contains("b: test set 3333333333333333; expected validation cases of data", Assert.Throws<DatasetException>(() => PairedComparison.All([a, test], "dice")).Message, StringComparison.Ordinal);
        Assert.Single(PairedComparison.All([a with { TestSet = test.TestSet }, test], "dice")); // networks of other training data, judged on one test set
    }

    [Fact]
    public void A_case_that_was_judged_on_another_mask_is_refused_whatever_the_networks_were_trained_on()
    {
        static ComparedResult Judged(string name, char data, params char[] cases) => Result(name, [.. cases.Select(_ => (double?)0.5)]) is var result
            ? result with { DataHash = new(data, 64), Cases = [.. result.Cases.Zip(cases, (c, hash) => c with { ContentHash = new(hash, 64) })] } : result;
        Assert.Equal("b: another scan or mask of case case1 than in a; expected the same in both. Evaluate both again, with the same --data.",
            Assert.Throws<DatasetException>(() => PairedComparison.All([Judged("a", '1', 'a', 'b'), Judged("b", '1', 'a', 'c')], "dice")).Message);
        Assert.Single(PairedComparison.All([Judged("a", '1', 'a', 'b'), Judged("b", '2', 'a', 'b')], "dice")); // trained on other data, judged on the same
    }

    [Fact]
    public void Results_without_a_common_value_are_refused_with_the_metrics_there_are() => Assert.Contains(
        "b: no case with a value of hd95 that a has too; expected the same cases, and one of the metrics lesion/dice.",
        Assert.Throws<DatasetException>(() => PairedComparison.All([Result("a", [0.5]), Result("b", [0.5])], "hd95")).Message, StringComparison.Ordinal);

    private static ComparedResult Result(string name, double?[] dice, string[]? patients = null) => new(
        name, [.. dice.Select((d, n) => new CaseResult($"case{n}", patients?[n] ?? $"case{n}", new Dictionary<string, double?> { ["lesion/dice"] = d }))], [], null);
}
