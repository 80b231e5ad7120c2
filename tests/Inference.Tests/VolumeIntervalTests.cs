using Credence.Inference.Sampling;

namespace Credence.Inference.Tests;

public sealed class VolumeIntervalTests
{
    private const double Voxel = 0.001;

    /// <summary>
    /// Oracle: the promise itself. Cases whose samples are far too sure of themselves are drawn, the factor is found on n of them and tried on one more, often: conformal
    /// intervals hold between 0.95 and 0.95 + 1 / (n + 1) of the truths (Romano et al. 2019, theorem 1).
    /// </summary>
    [Theory]
    [InlineData(19)]
    [InlineData(60)]
    public void A_factor_from_some_cases_makes_the_interval_of_another_hold_as_often_as_promised(int n)
    {
        var random = new Random(1);
        const int Trials = 20_000;
        var (held, bare) = (0, 0);
        for (var trial = 0; trial < Trials; trial++)
        {
            var factor = VolumeInterval.Factor(ConformalLimit.Of([.. Enumerable.Range(0, n).Select(_ => Draw()).Select(c => VolumeInterval.Score(c.Truth, c.Low, c.High, Voxel))])!.Value);
            var (truth, low, high) = Draw();
            bare += low <= truth && truth <= high ? 1 : 0;
            (low, high) = VolumeInterval.Widen(low, high, factor, Voxel);
            held += low <= truth && truth <= high ? 1 : 0;
        }

        const double Noise = 0.005; // more than 3 standard errors
        Assert.InRange((double)held / Trials, 0.95 - Noise, 0.95 + 1.0 / (n + 1) + Noise);
        Assert.InRange((double)bare / Trials, 0.05, 0.5);

        // Volumes from 0.01 to 100 mL, errors of 20 %, samples that differ by 3 %.
        (double Truth, double Low, double High) Draw()
        {
            var truth = Math.Pow(10, -2 + 4 * random.NextDouble());
            double[] samples = [.. Enumerable.Range(0, 16).Select(_ => truth)];
            var error = Math.Exp(0.2 * Normal());
            samples = [.. samples.Select(s => s * error * Math.Exp(0.03 * Normal())).Order()];
            var (low, high) = VolumeInterval.OfSamples(samples);
            return (truth, low, high);
        }

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    [Fact]
    public void The_percentiles_are_those_of_NumPy() => // numpy.percentile([1, 2, 4, 8, 16], [2.5, 97.5])
        Assert.Equal((1.1, 15.2), VolumeInterval.OfSamples([1, 2, 4, 8, 16]));

    [Fact]
    public void Too_few_cases_have_no_factor_and_the_fewest_have_their_largest_score()
    {
        double[] scores = [.. Enumerable.Range(1, 19).Select(n => 0.01 * n)];
        Assert.Null(ConformalLimit.Of(scores[..18]));
        Assert.Equal(Math.Exp(0.19), VolumeInterval.Factor(ConformalLimit.Of(scores)!.Value), tolerance: 1e-12);
        Assert.Equal(1, VolumeInterval.Factor(ConformalLimit.Of([.. scores.Select(s => s - 1)])!.Value)); // all inside: nothing becomes narrower
    }

    [Fact]
    public void A_volume_of_nothing_has_an_interval_of_some_voxels()
    {
        var (low, high) = VolumeInterval.Widen(0, 0, 3, Voxel);
        Assert.Equal(0, low);
        Assert.Equal(2 * Voxel, high, tolerance: 1e-12);
        Assert.Equal(Math.Log(3), VolumeInterval.Score(2 * Voxel, 0, 0, Voxel), tolerance: 1e-12);
        Assert.True(VolumeInterval.Score(0, 0, 0, Voxel) <= 0);
    }
}
