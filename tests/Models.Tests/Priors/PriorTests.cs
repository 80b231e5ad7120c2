using Credence.Models.Layers;
using Credence.Models.Priors;
using CsCheck;

namespace Credence.Models.Tests.Priors;

public sealed class PriorTests
{
    private const int Samples = 400_000;

    public static TheoryData<string> Names => ["gaussian", "laplace", "mixture"];

    /// <summary>Oracle: the definition KL = E_q[ln q(w) - ln p(w)] by sampling, with the densities written out as probabilities.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Kl_agrees_with_sampling(string name)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var generator = new Generator(2026);
        foreach (var (mean, sigma) in new[] { (0.0, 0.4), (0.3, 0.1), (-1.2, 0.6), (0.02, 0.03) })
        {
            var w = mean + sigma * randn([Samples], float64, generator: generator);
            var sampled = (Normal(w - mean, sigma) / Density(name, w)).log();
            var standardError = sampled.std().item<double>() / Math.Sqrt(Samples);

            var prior = Prior(name);
            var count = prior.IsSampled ? Samples : 1;
            var epsilon = prior.IsSampled ? randn([count], float64, generator: generator) : null;
            var found = prior.KlDivergence(full([count], mean, float64), full([count], sigma, float64), epsilon).item<double>() / count;

            Assert.Equal(sampled.mean().item<double>(), found, tolerance: (prior.IsSampled ? 7 : 4.5) * standardError + 1e-9);
        }
    }

    [Fact]
    public void Closed_forms_are_never_negative_and_do_not_depend_on_the_sign_of_the_mean() =>
        Gen.Select(Gen.Double[-5, 5], Gen.Double[0.01, 5], Gen.Double[0.05, 5]).Sample((mean, sigma, priorSigma) =>
        {
            using var scope = NewDisposeScope();
            foreach (var prior in new IPrior[] { new GaussianPrior(priorSigma), new LaplacePrior(priorSigma) })
            {
                double Kl(double m) => prior.KlDivergence(tensor(m, float64), tensor(sigma, float64), null).item<double>();
                Assert.True(Kl(mean) >= -1e-12, $"{prior}: {Kl(mean)}");
                Assert.Equal(Kl(mean), Kl(-mean), tolerance: 1e-12 * Math.Max(1, Kl(mean)));
            }
        }, iter: 300, seed: "0N0XIzNsQ0O2", threads: 1);

    /// <summary>Oracle: finite differences with the same noise, in float64.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_agree_with_finite_differences(string name)
    {
        const double Step = 1e-6;
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        var prior = Prior(name);
        var epsilon = prior.IsSampled ? randn([20], float64, generator: generator) : null;
        var mean = randn([20], float64, generator: generator).requires_grad_();
        var sigma = (0.1 + rand([20], float64, generator: generator)).detach().requires_grad_();
        prior.KlDivergence(mean, sigma, epsilon).backward();
        double Value(Tensor m, Tensor s) => prior.KlDivergence(m, s, epsilon).item<double>();
        for (var n = 0; n < 20; n++)
        {
            using var noGradient = no_grad();
            var step = zeros(20, float64);
            step[n] = Step;
            Assert.Equal((Value(mean + step, sigma) - Value(mean - step, sigma)) / (2 * Step), mean.grad![n].item<double>(), tolerance: 1e-5);
            Assert.Equal((Value(mean, sigma + step) - Value(mean, sigma - step)) / (2 * Step), sigma.grad![n].item<double>(), tolerance: 1e-5);
        }
    }

    /// <summary>Oracle: a search over σ with the divergence itself.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Closest_sigma_has_the_least_divergence(string name)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var generator = new Generator(9);
        var prior = Prior(name);
        var epsilon = prior.IsSampled ? randn([20_000], float64, generator: generator) : null;
        double Kl(double sigma) => prior.KlDivergence(zeros(epsilon?.shape[0] ?? 1, float64), full([epsilon?.shape[0] ?? 1], sigma, float64), epsilon).item<double>();
        var best = Enumerable.Range(0, 100).Select(n => 0.01 * Math.Pow(200, n / 99.0)).MinBy(Kl);

        Assert.Equal(1, prior.ClosestSigmas.MinBy(Kl) / best, tolerance: 0.06);
    }

    /// <summary>Oracle: the integral on a grid finer than the narrow component, of the density written out.</summary>
    [Theory]
    [InlineData(1, 0.0025, 0.5, 2)] // the defaults
    [InlineData(1, 0.0025, 0.99, 1)]
    [InlineData(1, 0.5, 0.5, 1)]
    [InlineData(0.1001, 0.1, 0.5, 1)]
    public void Closest_sigmas_of_a_mixture_are_the_minima_of_its_divergence(double wide, double narrow, double share, int count)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var epsilon = linspace(-9, 9, 100_001, float64);
        var mass = Normal(epsilon, 1) * (18.0 / 100_000);
        double Divergence(double sigma) => -Math.Log(sigma) - (mass * (share * Normal(sigma * epsilon, wide) + (1 - share) * Normal(sigma * epsilon, narrow) + 1e-300).log()).sum().item<double>();

        var found = new ScaleMixturePrior(wide, narrow, share).ClosestSigmas;
        Assert.Equal(count, found.Count);
        Assert.All(found, sigma =>
        {
            Assert.InRange(sigma, narrow, wide);
            Assert.True(Divergence(sigma) < Math.Min(Divergence(1.02 * sigma), Divergence(sigma / 1.02)), $"{sigma} is no minimum");
        });
        var values = Enumerable.Range(-1, 102).Select(n => Divergence(narrow * Math.Pow(wide / narrow, n / 99.0))).ToList();
        Assert.Equal(count, wide / narrow < 1.01 ? 1 : Enumerable.Range(1, 100).Count(n => values[n] < values[n - 1] && values[n] < values[n + 1]));
    }

    [Fact]
    public void A_far_tail_of_the_mixture_keeps_a_finite_gradient()
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var mean = tensor(new[] { 0f, 3f, 40f }).requires_grad_(); // the density at 40 is 0 in float32
        new ScaleMixturePrior(0.5, 0.0025, 0.25).KlDivergence(mean, full([3], 0.01f), zeros(3)).backward();

        Assert.Equal(0, mean.grad![0].item<float>());
        Assert.Equal(3 / 0.25, mean.grad![1].item<float>(), tolerance: 1e-3);
        Assert.Equal(40 / 0.25, mean.grad![2].item<float>(), tolerance: 1e-2);
    }

    [Fact]
    public void A_sampled_divergence_repeats_with_the_seed_and_refuses_to_go_without_noise()
    {
        using var scope = NewDisposeScope();
        using var build = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 2, Posterior = Posterior.MeanField, Prior = PriorKind.ScaleMixture }, build);
        float Kl(ulong seed)
        {
            using var generator = new Generator(seed);
            return network.KlDivergence(new TrainingNoise(generator, CPU)).item<float>();
        }

        Assert.Equal(Kl(1), Kl(1));
        Assert.NotEqual(Kl(1), Kl(2));
        var error = Assert.Throws<ArgumentException>(() => network.KlDivergence(new MeanNoise()));
        Assert.Equal("The KL divergence of noise/encoder0_conv0 is estimated by sampling, and the noise source gives no noise. Give one that draws. (Parameter 'noise')", error.Message);
    }

    [Fact]
    public void Fan_in_prior_has_a_sigma_per_layer()
    {
        using var build = new Generator(1);
        using var network = UNet.Build(
            new() { InputChannels = 2, Classes = 2, Width = 2, Posterior = Posterior.MeanField, Prior = PriorKind.FanInGaussian, PriorSigmaRatio = 0.5 }, build);
        var first = ((IWeightedLayer)network.Nodes[0].Layer).Weight as GaussianWeight;
        var last = ((IWeightedLayer)network.Nodes[^1].Layer).Weight as GaussianWeight;

        Assert.Equal(0.5 * Math.Sqrt(2.0 / (2 * 27)), first!.Prior.ClosestSigmas.Single(), tolerance: 1e-12);
        Assert.Equal(0.5 * Math.Sqrt(2.0 / 2), last!.Prior.ClosestSigmas.Single(), tolerance: 1e-12);
    }

    [Fact]
    public void Standard_deviations_and_shares_out_of_range_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new GaussianPrior(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LaplacePrior(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScaleMixturePrior(0.1, 0.2, 0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScaleMixturePrior(1, 0.1, 1));
    }

    private static IPrior Prior(string name) => name switch
    {
        "gaussian" => new GaussianPrior(0.7),
        "laplace" => new LaplacePrior(0.7),
        _ => new ScaleMixturePrior(0.7, 0.05, 0.3),
    };

    private static Tensor Density(string name, Tensor w) => name switch
    {
        "gaussian" => Normal(w, 0.7),
        "laplace" => (-w.abs() * Math.Sqrt(2) / 0.7).exp() / (0.7 * Math.Sqrt(2)),
        _ => 0.3 * Normal(w, 0.7) + 0.7 * Normal(w, 0.05),
    };

    private static Tensor Normal(Tensor w, double sigma) => (-(w / sigma).square() / 2).exp() / (sigma * Math.Sqrt(2 * Math.PI));
}
