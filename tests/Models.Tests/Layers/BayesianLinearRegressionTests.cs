using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Tests.Layers;

public sealed class BayesianLinearRegressionTests
{
    /// <summary>
    /// Oracle: the posterior of linear regression with known noise is a Gaussian of precision Λ = XᵀX / s² + I / σₚ² and mean Λ⁻¹Xᵀy / s². The closest
    /// independent Gaussians have that mean, and the variances 1 / Λᵢᵢ, not the marginal ones (Bishop 2006, section 10.1.2).
    /// </summary>
    [Theory]
    [InlineData(WeightEstimator.Reparameterisation)]
    [InlineData(WeightEstimator.Flipout)]
    [InlineData(WeightEstimator.LocalReparameterisation)]
    public void The_posterior_of_linear_regression_is_found(WeightEstimator estimator)
    {
        const int Examples = 30, Features = 3, Copies = 100, Steps = 600;
        const double NoiseSigma = 0.5, PriorSigma = 0.7;
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var generator = new Generator(17);
        var x = randn([Examples, Features], float64, generator: generator);
        x[TensorIndex.Colon, 1] += 0.7 * x[TensorIndex.Colon, 0]; // correlated, so that marginal and conditional variances differ
        var y = x.matmul(tensor(new[] { 1.0, -0.5, 0.3 }).unsqueeze(1)) + NoiseSigma * randn([Examples, 1], float64, generator: generator);

        var precision = x.t().matmul(x) / (NoiseSigma * NoiseSigma) + eye(Features, dtype: float64) / (PriorSigma * PriorSigma);
        var expectedMean = linalg.inv(precision).matmul(x.t().matmul(y)).flatten() / (NoiseSigma * NoiseSigma);
        var expectedSigma = precision.diagonal().rsqrt();
        var marginalSigma = linalg.inv(precision).diagonal().sqrt();

        long[] shape = [1, Features];
        var weight = new GaussianWeight("noise/layer", zeros(shape), 0.3, new GaussianPrior(PriorSigma), estimator: estimator);
        var layer = new Linear(weight, shape);
        layer.to(float64);
        var noise = new TrainingNoise(generator, CPU);
        var optimiser = torch.optim.Adam([(TorchSharp.Modules.Parameter)weight.Mean, (TorchSharp.Modules.Parameter)weight.Rho], lr: 0.05);
        var (inputs, targets) = (x.repeat(Copies, 1), y.repeat(Copies, 1));
        var (mean, sigma) = (zeros(Features, float64), zeros(Features, float64)); // averaged over the last third
        for (var step = 0; step < Steps; step++)
        {
            using var inner = NewDisposeScope();
            optimiser.zero_grad();
            // Reparameterisation shares one draw among all examples of a pass, so it gets a pass for each of a few draws.
            var passes = estimator == WeightEstimator.Reparameterisation ? 4 : 1;
            for (var pass = 0; pass < passes; pass++)
            {
                var residual = layer.Forward([inputs], noise) - targets;
                (residual.square().sum() / (2 * NoiseSigma * NoiseSigma * Copies * passes)).backward();
            }

            weight.KlDivergence(noise).backward();
            optimiser.ParamGroups.First().LearningRate = 0.05 * (1 - (double)step / Steps);
            optimiser.step();
            if (step >= Steps * 2 / 3)
            {
                using var noGradient = no_grad();
                mean.add_(weight.Mean.flatten());
                sigma.add_(functional.softplus(weight.Rho).flatten());
            }
        }

        mean.div_(Steps / 3);
        sigma.div_(Steps / 3);
        Assert.InRange(((mean - expectedMean).abs() / expectedSigma).max().item<double>(), 0, 0.1);
        Assert.InRange((sigma / expectedSigma - 1).abs().max().item<double>(), 0, 0.05);
        Assert.True((marginalSigma / expectedSigma).max().item<double>() > 1.15); // the test can tell the two apart
    }
}
