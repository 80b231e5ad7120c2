using CsCheck;

namespace Credence.Models.Tests;

public sealed class GaussianTests
{
    /// <summary>Oracle: the definition KL = E_q[ln q(w) − ln p(w)], estimated by sampling, knows nothing of the closed form.</summary>
    [Theory]
    [InlineData(0.0, 1.0, 1.0)]
    [InlineData(0.3, 0.1, 1.0)]
    [InlineData(-2.0, 0.5, 0.7)]
    [InlineData(0.5, 0.2, 3.0)]
    public void KlDivergence_agrees_with_sampling(double mean, double sigma, double priorSigma)
    {
        const int Samples = 1_000_000;
        using var scope = NewDisposeScope();
        using var generator = new Generator(2026);

        var w = mean + sigma * randn([Samples], ScalarType.Float64, generator: generator);
        var sampled = LogDensity(w, mean, sigma) - LogDensity(w, 0, priorSigma);
        var standardError = sampled.std().item<double>() / Math.Sqrt(Samples);

        var exact = Gaussian.KlDivergence(tensor(mean, float64), tensor(sigma, float64), priorSigma).item<double>();

        Assert.Equal(sampled.mean().item<double>(), exact, tolerance: 4 * standardError + 1e-12);
    }

    [Fact]
    public void KlDivergence_is_a_sum_over_weights()
    {
        using var scope = NewDisposeScope();
        var one = Gaussian.KlDivergence(full([1], 0.3), full([1], 0.2), 0.7).item<float>();
        var many = Gaussian.KlDivergence(full([10, 5, 2], 0.3), full([10, 5, 2], 0.2), 0.7).item<float>();

        Assert.Equal(100 * one, many, tolerance: 1e-3);
    }

    [Fact]
    public void KlDivergence_is_never_negative_and_zero_at_the_prior() =>
        Gen.Select(Gen.Double[-5, 5], Gen.Double[0.01, 5], Gen.Double[0.01, 5]).Sample((mean, sigma, priorSigma) =>
        {
            using var scope = NewDisposeScope();
            var kl = Gaussian.KlDivergence(tensor(mean, float64), tensor(sigma, float64), priorSigma).item<double>();
            Assert.True(kl >= -1e-12, $"KL = {kl}");
            Assert.Equal(0, Gaussian.KlDivergence(tensor(0.0, float64), tensor(priorSigma, float64), priorSigma).item<double>(), tolerance: 1e-12);
        }, iter: 1_000, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Prior_sigma_must_be_positive() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Gaussian.KlDivergence(zeros(1), ones(1), 0));

    private static Tensor LogDensity(Tensor w, double mean, double sigma) =>
        -0.5 * ((w - mean) / sigma).square() - Math.Log(sigma * Math.Sqrt(2 * Math.PI));
}
