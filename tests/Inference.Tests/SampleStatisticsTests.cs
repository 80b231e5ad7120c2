using Credence.Inference.Sampling;

namespace Credence.Inference.Tests;

public sealed class SampleStatisticsTests
{
    /// <summary>Oracle: all samples kept, textbook formulas in double precision.</summary>
    [Theory]
    [InlineData(2, 1.0)]
    [InlineData(4, 1.0)]
    [InlineData(3, 1.7)]
    public void Streamed_sums_agree_with_stored_samples(int classes, double temperature)
    {
        const int Voxels = 200, Samples = 12;
        var random = new Random(3);
        var statistics = new SampleStatistics(classes, Voxels);
        var stored = new double[Samples, classes, Voxels];
        for (var s = 0; s < Samples; s++)
        {
            var logits = Enumerable.Range(0, classes * Voxels).Select(_ => (float)(20 * random.NextDouble() - 10)).ToArray();
            for (var v = 0; v < Voxels; v++)
            {
                var sum = Enumerable.Range(0, classes).Sum(k => Math.Exp(logits[k * Voxels + v]));
                for (var k = 0; k < classes; k++)
                {
                    stored[s, k, v] = Math.Exp(logits[k * Voxels + v]) / sum;
                }
            }

            var tempered = Enumerable.Range(0, classes).Select(k => Math.Exp(logits[k * Voxels + 7] / temperature)).ToArray();
            statistics.Add(logits, temperature);
            Assert.Equal(tempered[1] / tempered.Sum(), logits[Voxels + 7], tolerance: 1e-5); // left as probabilities at the temperature
        }

        var information = statistics.MutualInformation(statistics.PredictiveEntropy());
        statistics.Calibrate(temperature);
        var entropy = statistics.PredictiveEntropy();
        for (var v = 0; v < Voxels; v++)
        {
            var mean = Enumerable.Range(0, classes).Select(k => Enumerable.Range(0, Samples).Average(s => stored[s, k, v])).ToArray();
            var expected = Enumerable.Range(0, Samples).Average(s => Enumerable.Range(0, classes).Sum(k => -Plogp(stored[s, k, v])));
            var powers = mean.Select(p => Math.Pow(p, 1 / temperature)).ToArray();
            var calibrated = powers.Select(p => p / powers.Sum()).ToArray();

            Assert.Equal(calibrated[1], statistics.MeanProbability(1)[v], tolerance: 1e-5);
            Assert.Equal(calibrated.Sum(p => -Plogp(p)), entropy[v], tolerance: 1e-5);
            Assert.Equal(Math.Max(0, mean.Sum(p => -Plogp(p)) - expected), information[v], tolerance: 2e-5);
        }
    }

    [Fact]
    public void Samples_that_agree_carry_no_information_and_samples_that_contradict_carry_ln_2()
    {
        var same = new SampleStatistics(2, 1);
        var opposite = new SampleStatistics(2, 1);
        for (var s = 0; s < 10; s++)
        {
            same.Add([0, 1], 1);
            opposite.Add(s % 2 == 0 ? [0, 80] : [80, 0], 1);
        }

        Assert.Equal(0, same.MutualInformation(same.PredictiveEntropy())[0], tolerance: 1e-6);
        Assert.Equal(Math.Log(2), opposite.MutualInformation(opposite.PredictiveEntropy())[0], tolerance: 1e-6);
    }

    [Fact]
    public void One_sample_carries_no_information()
    {
        var statistics = new SampleStatistics(2, 3);
        statistics.Add([0, 1, 2, 0.3f, -1, 5], 1);

        Assert.Equal(new float[3], statistics.MutualInformation(statistics.PredictiveEntropy()));
    }

    [Fact]
    public void Extreme_logits_stay_finite()
    {
        var statistics = new SampleStatistics(2, 2);
        statistics.Add([1e30f, -1e30f, -1e30f, 1e30f], 1);

        Assert.Equal([0, 0], statistics.PredictiveEntropy());
        Assert.Equal([0, 1], statistics.MeanProbability(1));
    }

    private static double Plogp(double p) => p > 0 ? p * Math.Log(p) : 0;
}
