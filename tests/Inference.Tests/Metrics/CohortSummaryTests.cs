using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed class CohortSummaryTests
{
    private static readonly EvaluationOptions Options = new() { Classes = [new(1, "lesion")] };

    [Fact]
    public void Figures_of_a_worked_cohort()
    {
        // Dice 1, 0.5 and none: 2 x 1 / (1 + 3) = 0.5.
        var summary = CohortSummary.Create([Case("a", "1100", "1100"), Case("b", "1000", "1110"), Case("c", "0000", "0000")]);
        var dice = summary.Metrics.Single(m => m.Name == "lesion/dice");

        Assert.Equal((2, 1, 1, EmptyCasePolicy.Undefined), (dice.Cases, dice.Undefined, dice.EmptyCases, dice.Policy));
        Assert.Equal((0.75, 0.75), (dice.Mean, dice.Median));
        Assert.Equal(Math.Sqrt(0.125), dice.StandardDeviation!.Value, precision: 12);
        Assert.Equal((0.5, 1), (dice.Low, dice.High)); // the mean of two draws is 0.5, 0.75, 1 with chances 1/4, 1/2, 1/4
    }

    /// <summary>Oracle: for many cases the bootstrap interval of a mean is the normal one, mean ± 1.96 sd / sqrt(n).</summary>
    [Fact]
    public void The_interval_of_many_cases_is_the_normal_one()
    {
        var random = new Random(3);
        var cases = Enumerable.Range(0, 100).Select(n => Case($"{n}", Draw(0.6), Draw(0.6))).ToList();
        var dice = CohortSummary.Create(cases, seed: 4).Metrics.Single(m => m.Name == "lesion/dice");
        var half = 1.96 * dice.StandardDeviation!.Value / Math.Sqrt(dice.Cases);

        Assert.Equal(dice.Mean!.Value - half, dice.Low!.Value, tolerance: 0.1 * half);
        Assert.Equal(dice.Mean!.Value + half, dice.High!.Value, tolerance: 0.1 * half);
        Assert.Equal(dice, CohortSummary.Create(cases, seed: 4).Metrics.Single(m => m.Name == "lesion/dice"));

        string Draw(double share) => string.Concat(Enumerable.Range(0, 30).Select(_ => random.NextDouble() < share ? '1' : '0'));
    }

    [Fact]
    public void The_policy_decides_what_two_empty_masks_are_worth()
    {
        foreach (var (policy, dice, distance) in new[] { (EmptyCasePolicy.Undefined, (double?)null, (double?)null), (EmptyCasePolicy.One, 1, 0), (EmptyCasePolicy.Zero, 0, null) })
        {
            var evaluation = Case("empty", "0000", "0000", Options with { EmptyCases = policy });

            Assert.Equal((dice, distance), (evaluation.Values["lesion/dice"], evaluation.Values["lesion/hd95-mm"]));
            Assert.Contains("lesion/dice", evaluation.EmptyValues);
        }

        var missed = Case("missed", "1000", "0000", Options with { EmptyCases = EmptyCasePolicy.One });
        Assert.Equal((0, null), (missed.Values["lesion/dice"], missed.Values["lesion/hd95-mm"])); // nothing found is no empty case
        Assert.DoesNotContain("lesion/dice", missed.EmptyValues);
    }

    [Fact]
    public void Cases_measured_by_different_rules_are_not_averaged() => Assert.Equal(
        "Case b was measured by other rules than a, so their values do not compare. (Parameter 'cases')",
        Assert.Throws<ArgumentException>(() => CohortSummary.Create([Case("a", "1", "1"), Case("b", "1", "1", Options with { SurfaceTolerance = 2 })])).Message);

    private static CaseEvaluation Case(string name, string reference, string prediction, EvaluationOptions? options = null)
    {
        var geometry = new VolumeGeometry(new(reference.Length, 1, 1), Affine.Identity);
        return CaseEvaluation.Evaluate(
            new() { Name = name, Reference = new(geometry, Labels(reference)), Prediction = new(geometry, Labels(prediction)) }, options ?? Options);
    }

    private static byte[] Labels(string text) => [.. text.Select(c => (byte)(c - '0'))];
}
