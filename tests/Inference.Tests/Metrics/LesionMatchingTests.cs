using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed class LesionMatchingTests
{
    // A lesion that is split in two (IoU 0.5 and 0.4), one that is touched by a single voxel (IoU 1/13), and one that is missed.
    private const string Reference = "1111111111..........1111111111..........11111";
    private const string Predicted = "11111.1111...................1111............";

    /// <summary>By hand. Panoptica pairs each lesion once; Shifts takes both parts and misses what stays below the threshold; MS_WML_uncs misses only what nothing touches.</summary>
    [Theory]
    [InlineData(nameof(MatchingRule.OneToOne), 1, 2, 2, 1.0 / 3, 0.5)]
    [InlineData(nameof(MatchingRule.Shifts), 2, 1, 2, 4.0 / 7, 0.45)]
    [InlineData(nameof(MatchingRule.MsWmlUncs), 2, 1, 1, 2.0 / 3, 0.45)]
    public void The_three_rules_differ_as_their_sources_do(string rule, int truePositives, int falsePositives, int falseNegatives, double f1, double quality)
    {
        var lesions = Match(LesionRule.Of(Enum.Parse<MatchingRule>(rule)) with { Threshold = 0.25 });

        Assert.Equal(new(truePositives, falsePositives, falseNegatives), lesions.Counts);
        Assert.Equal(f1, lesions.Counts.F1, precision: 12);
        Assert.Equal(quality, lesions.SegmentationQuality, precision: 12);
        Assert.Equal(f1 * quality, lesions.PanopticQuality, precision: 12);
        Assert.Equal([5.0 / 6, 4.0 / 5, 1.0 / 13], lesions.Predicted.Select(p => p.AdjustedIntersectionOverUnion));
    }

    [Fact]
    public void Each_rule_has_the_connectivity_and_threshold_of_its_source()
    {
        Assert.Equal(new(MatchingRule.OneToOne, Connectivity.TwentySix, 0.5), LesionRule.Of(MatchingRule.OneToOne));
        Assert.Equal(new(MatchingRule.Shifts, Connectivity.Six, 0.25), LesionRule.Of(MatchingRule.Shifts));
        Assert.Equal(new(MatchingRule.MsWmlUncs, Connectivity.Eighteen, 0.25), LesionRule.Of(MatchingRule.MsWmlUncs));
    }

    /// <summary>Voxels of 2 mm³: 20, 20 and 10 mm³ in the reference, 10, 8 and 8 mm³ in the prediction.</summary>
    [Fact]
    public void Lesions_are_counted_by_size()
    {
        var lesions = Match(LesionRule.Of(MatchingRule.OneToOne), voxelVolume: 2);

        Assert.Equal(new(0, 2, 0), lesions.CountBetween(0, 10)); // both false positives have 8 mm³
        Assert.Equal(new(0, 0, 1), lesions.CountBetween(10, 20));
        Assert.Equal(new(1, 0, 1), lesions.CountBetween(20, double.PositiveInfinity)); // the match counts by its reference lesion
    }

    [Fact]
    public void An_iou_of_exactly_the_threshold_matches()
    {
        Assert.Equal(1, Match(LesionRule.Of(MatchingRule.OneToOne) with { Threshold = 0.5 }).Counts.TruePositives);
        Assert.Equal(0, Match(LesionRule.Of(MatchingRule.OneToOne) with { Threshold = 0.51 }).Counts.TruePositives);
    }

    /// <summary>Uncertainty 3, 1, 2 for the predicted lesions; missed ones 0 and 9. In order: missed, found, invented, found (split), missed.</summary>
    [Fact]
    public void Retention_of_lesions_by_hand()
    {
        var uncertainty = new float[Reference.Length];
        uncertainty.AsSpan(0, 5).Fill(3);
        uncertainty.AsSpan(6, 4).Fill(1);
        uncertainty.AsSpan(29, 4).Fill(2);
        uncertainty.AsSpan(40, 5).Fill(9);
        var lesions = LesionMatching.Match(
            Mask(Reference), Mask(Predicted), new(Reference.Length, 1, 1), 1, LesionRule.Of(MatchingRule.Shifts), uncertainty);

        var curve = RetentionCurve.LesionF1(lesions)!;

        // Units: missed touched lesion (mean 0.2), part 1, touching lesion 2, part 3, missed lesion 9. TP, FP, FN when 0 .. 5 are kept:
        // (4, 0, 0), (3, 0, 1), (3, 0, 1), (3, 1, 1), (3, 1, 1), (2, 1, 2).
        Assert.Equal([0, 0.2, 0.4, 0.6, 0.8, 1], curve.Fractions);
        Assert.Equal([1, 3 / 3.5, 3 / 3.5, 3.0 / 4, 3.0 / 4, 2 / 3.5], curve.Scores);
    }

    private static LesionMatching Match(LesionRule rule, double voxelVolume = 1) =>
        LesionMatching.Match(Mask(Reference), Mask(Predicted), new(Reference.Length, 1, 1), voxelVolume, rule);

    private static bool[] Mask(string text) => [.. text.Select(c => c == '1')];
}
