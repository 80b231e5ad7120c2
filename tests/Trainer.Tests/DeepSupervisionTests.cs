using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class DeepSupervisionTests
{
    private static readonly NetworkOptions Options = new()
    {
        InputChannels = 1,
        Classes = 2,
        Width = 2,
        Strides = [[2, 2, 2], [1, 2, 2], [2, 2, 1], [1, 1, 2]],
        HasDeepSupervision = true,
    };

    [Fact]
    public void The_total_is_the_weighted_sum_of_all_outputs()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        using var network = UNet.Build(Options, generator);
        var images = randn([2, 1, 8, 8, 8], generator: generator);
        var targets = randint(0, 2, [2, 8, 8, 8], dtype: int64, generator: generator);
        LossTerms Loss(Tensor logits, Tensor target) => LossSum.Parse("cross-entropy").Compute(logits, target, progress: 1);
        using var terms = DeepSupervision.Compute(network, images, targets, new MeanNoise(), Loss);

        var outputs = network.RunWithAuxiliary(images, new MeanNoise());
        Assert.Equal([[8L, 8, 8], [4L, 4, 4], [4L, 2, 2]], outputs.Select(o => o.shape[2..]));
        double Value(int output, Tensor target) => Loss(outputs[output], target).Total.item<float>();
        // 1, 1/2, 1/4 normalised; every second voxel counted from the second, and of four voxels the third.
        var expected = (Value(0, targets) + Value(1, Every(targets, 2, 2, 2)) / 2
            + Value(2, Every(targets, 2, 4, 4)) / 4) / 1.75;
        Assert.Equal(expected, terms.Total.item<float>(), tolerance: 1e-5);
        Assert.Equal(Value(0, targets), terms.NegativeLogLikelihood.item<float>(), tolerance: 1e-5);
        terms.Total.backward();
        Assert.All(network.parameters(), p => Assert.NotNull(p.grad));
    }

    [Fact]
    public void Without_auxiliary_outputs_it_is_the_loss_of_the_logits()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        using var network = UNet.Build(Options with { HasDeepSupervision = false }, generator);
        var images = randn([1, 1, 8, 8, 8], generator: generator);
        var targets = zeros([1, 8, 8, 8], int64);
        LossTerms Loss(Tensor logits, Tensor target) => LossSum.Parse("dice + cross-entropy").Compute(logits, target, progress: 1);

        Assert.Equal(Loss(network.forward(images), targets).Total.item<float>(), DeepSupervision.Compute(network, images, targets, new MeanNoise(), Loss).Total.item<float>());
    }

    [Theory]
    [InlineData(Posterior.MeanField, true, 0, "generalised Bayes (deep supervision counts every voxel at several resolutions): MeanPerVoxel + a KL factor of 1/(N V) = 1/(1 x 1) (PerVoxel), lambda = 1, loss cross-entropy, foreground probability 0")]
    [InlineData(Posterior.MeanField, false, 0, "ELBO: MeanPerVoxel + a KL factor of 1/(N V) = 1/(1 x 1) (PerVoxel), lambda = 1, loss cross-entropy, foreground probability 0")]
    [InlineData(Posterior.MeanField, false, 0.25, "generalised Bayes (patches are made to hold foreground): MeanPerVoxel + a KL factor of 1/(N V) = 1/(1 x 1) (PerVoxel), lambda = 1, loss cross-entropy, foreground probability 0.25")]
    [InlineData(Posterior.Plain, true, 0.25, "cross-entropy, MeanPerVoxel, foreground probability 0.25")]
    public void Objective_of_a_run_says_what_it_is_and_why(Posterior posterior, bool isSupervised, double foregroundProbability, string expected)
    {
        var elbo = new Elbo(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, minibatches: 1, examples: 1, voxels: 1);
        var options = new TrainingOptions { Data = "", Run = "", Posterior = posterior, ForegroundProbability = foregroundProbability };

        Assert.Equal(expected, TrainingLoop.Objective(options, elbo, LossSum.Parse("cross-entropy"), Options with { HasDeepSupervision = isSupervised }));
    }

    /// <summary>Voxel by voxel: of every block the one at half its edges.</summary>
    private static Tensor Every(Tensor targets, int d, int h, int w)
    {
        var values = new List<long>();
        for (var n = 0; n < 2; n++)
        {
            for (var k = d / 2; k < 8; k += d)
            {
                for (var j = h / 2; j < 8; j += h)
                {
                    for (var i = w / 2; i < 8; i += w)
                    {
                        values.Add(targets[n, k, j, i].item<long>());
                    }
                }
            }
        }

        return tensor(values.ToArray()).view(2, 8 / d, 8 / h, 8 / w);
    }
}
