using Credence.Inference.Metrics;

namespace Credence.Inference.Tests.Metrics;

public sealed class TemperatureScalingTests
{
    /// <summary>Truths drawn from softmax(z / T): the fit must find T again, within the spread that so many voxels leave.</summary>
    [Theory]
    [InlineData(2, 0.4)]
    [InlineData(2, 2.5)]
    [InlineData(4, 1.7)]
    public void A_known_temperature_is_recovered(int classes, double temperature)
    {
        var (logits, truth) = Draw(classes, temperature, voxels: 100_000);
        var scaling = new TemperatureScaling(classes);
        scaling.AddLogits(logits, truth);

        var fit = scaling.Fit();

        Assert.Equal(temperature, fit.Temperature, tolerance: 0.02 * temperature);
        Assert.False(fit.IsAtLimit);
        Assert.True(fit.NegativeLogLikelihood <= fit.NegativeLogLikelihoodBefore);
        Assert.All([0.98, 1.02], factor => Assert.True(Nll(logits, truth, classes, fit.Temperature * factor) > fit.NegativeLogLikelihood)); // a minimum
        Assert.Equal(Nll(logits, truth, classes, fit.Temperature), fit.NegativeLogLikelihood, tolerance: 1e-9);
    }

    [Fact]
    public void Probabilities_give_the_temperature_of_their_logits()
    {
        var (logits, truth) = Draw(3, 1.5, voxels: 5_000);
        var probabilities = new float[logits.Length];
        for (var v = 0; v < truth.Length; v++)
        {
            var sum = Enumerable.Range(0, 3).Sum(k => Math.Exp(logits[k * truth.Length + v]));
            for (var k = 0; k < 3; k++)
            {
                probabilities[k * truth.Length + v] = (float)(Math.Exp(logits[k * truth.Length + v]) / sum);
            }
        }

        TemperatureScaling a = new(3), b = new(3);
        a.AddLogits(logits, truth);
        b.AddProbabilities(new([.. probabilities.Chunk(truth.Length)], truth));

        Assert.Equal(a.Fit().Temperature, b.Fit().Temperature, tolerance: 1e-4);
    }

    [Fact]
    public void A_subsample_is_uniform_over_all_that_was_streamed_and_repeats_with_its_seed()
    {
        var (logits, truth) = Draw(2, 3, voxels: 60_000);
        var (other, otherTruth) = Draw(2, 0.8, voxels: 60_000);
        TemperatureFit Fit(int limit, int seed)
        {
            var scaling = new TemperatureScaling(2, limit, seed);
            scaling.AddLogits(logits, truth);
            scaling.AddLogits(other, otherTruth);
            return scaling.Fit();
        }

        var all = Fit(limit: 200_000, seed: 0);
        var subsample = Fit(limit: 20_000, seed: 7);

        Assert.Equal((120_000, 20_000, 120_000), (all.Voxels, subsample.Voxels, subsample.Seen));
        Assert.Equal(all.Temperature, subsample.Temperature, tolerance: 0.08);
        Assert.Equal(subsample, Fit(limit: 20_000, seed: 7));
        Assert.NotEqual(subsample.Temperature, Fit(limit: 20_000, seed: 8).Temperature);
    }

    [Fact]
    public void Classes_that_never_err_have_no_best_temperature_and_it_says_so()
    {
        var scaling = new TemperatureScaling(2);
        scaling.AddLogits([1, -1, -1, 1], [0, 1]);

        Assert.True(scaling.Fit().IsAtLimit);
    }

    [Fact]
    public void Misuse_is_refused_in_words()
    {
        var scaling = new TemperatureScaling(2);

        Assert.Equal("No voxel was added, so there is nothing to fit a temperature to.", Assert.Throws<InvalidOperationException>(() => scaling.Fit()).Message);
        Assert.Equal("3 logits were given for 2 voxels of 2 classes. (Parameter 'values')", Assert.Throws<ArgumentException>(() => scaling.AddLogits([1, 2, 3], [0, 1])).Message);
        Assert.Equal("Class 2 is true in a voxel, but there are 2 classes, from 0. (Parameter 'truth')", Assert.Throws<ArgumentException>(() => scaling.AddLogits([1, 2], [2])).Message);
    }

    private static (float[] Logits, byte[] Truth) Draw(int classes, double temperature, int voxels)
    {
        var random = new Random(17 + classes);
        var (logits, truth) = (new float[classes * voxels], new byte[voxels]);
        for (var v = 0; v < voxels; v++)
        {
            var weights = new double[classes];
            for (var k = 0; k < classes; k++)
            {
                logits[k * voxels + v] = (float)(8 * random.NextDouble() - 4);
                weights[k] = Math.Exp(logits[k * voxels + v] / temperature);
            }

            var draw = random.NextDouble() * weights.Sum();
            for (var k = 0; k < classes - 1 && draw >= weights[k]; k++)
            {
                draw -= weights[k];
                truth[v] = (byte)(k + 1);
            }
        }

        return (logits, truth);
    }

    private static double Nll(float[] logits, byte[] truth, int classes, double temperature) => Enumerable.Range(0, truth.Length).Average(v =>
        Math.Log(Enumerable.Range(0, classes).Sum(k => Math.Exp(logits[k * truth.Length + v] / temperature))) - logits[truth[v] * truth.Length + v] / temperature);
}
