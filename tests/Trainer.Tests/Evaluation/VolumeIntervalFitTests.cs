using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class VolumeIntervalFitTests
{
    /// <summary>Worked by hand. Class 0: of 40 cases the truths lie 1 to 40 % above a point; class 1: all inside.</summary>
    [Fact]
    public void Each_class_has_its_factor_and_its_worth_comes_from_the_other_folds()
    {
        var cases = Enumerable.Range(1, 40).Select(n => new OutOfFoldSamples(n % 2, 1, $"{n}", [Point(1 + 0.01 * n), new(5, 4, 6, 16, 0)], [null, null])).ToList();
        var fit = new VolumeIntervalFit(cases);

        var calibration = fit.Fit()!;
        Assert.Equal(16, calibration.Samples);
        Assert.Equal([1.39, 1], calibration.Factors, Near); // the ⌈41 x 0.95⌉ = 39th of 40

        // Of 20 cases the ⌈21 x 0.95⌉ = 20th is the factor: 1.40 from the even ones for the odd, which it all holds; 1.39 from the odd for the even, without the one of 1.40.
        var worth = fit.Worth();
        Assert.Equal(40, worth.Cases);
        Assert.Equal([0, 1], worth.OfSamples);
        Assert.Equal([39 / 40.0, 1], worth.Widened!, Near);
        Assert.Equal([1.39 * 1.40, 1.5], worth.Ratio!, Near); // from 1 / f to f, half with either factor; from 4 to 6
    }

    [Fact]
    public void Several_seeds_do_not_pass_for_more_cases()
    {
        var few = Enumerable.Range(0, 30).Select(n => new OutOfFoldSamples(n % 3, (ulong)(n % 2), $"{n / 2}", [Point(1.1)], [null])).ToList();
        Assert.Null(new VolumeIntervalFit(few).Fit()); // 15 cases, twice
        Assert.Equal((15, null), (new VolumeIntervalFit(few).Worth().Cases, new VolumeIntervalFit(few).Worth().Widened));

        var enough = Enumerable.Range(0, 60).Select(n => new OutOfFoldSamples(n % 3, (ulong)(n % 2), $"{n / 2}", [Point(n % 2 == 0 ? 1.1 : 1.2)], [null])).ToList();
        Assert.Equal([1.2], new VolumeIntervalFit(enough).Fit()!.Factors, Near); // the larger one holds for both
    }

    [Fact]
    public void A_patient_counts_once_with_the_worst_scan()
    {
        OutOfFoldSamples Scan(int patient, double truth) => new(patient % 2, 1, $"{patient}", [Point(truth)], [null]);
        List<OutOfFoldSamples> scans = [.. Enumerable.Range(0, 18).SelectMany(n => new[] { Scan(n, 1.1), Scan(n, 1.5) })];
        Assert.Null(new VolumeIntervalFit(scans).Fit()); // 36 scans of 18 patients

        Assert.Equal([1.5], new VolumeIntervalFit([.. scans, Scan(18, 1.2)]).Fit()!.Factors, Near); // 1.5 of 18 patients, 1.2 of one: the largest of 19
    }

    private static SampledVolume Point(double truth) => new(truth, 1, 1, 16, 0);

    private static bool Near(double a, double b) => Math.Abs(a - b) < 1e-9;
}
