using Credence.Models.Architecture;
using Credence.Models.Losses;
using Credence.Models.Tests.Golden;

namespace Credence.Models.Tests;

public sealed class ClassifierTests
{
    private static readonly NetworkOptions Small = new() { InputChannels = 1, Classes = 2, Width = 4, Strides = [[2, 2, 2]], Kind = NetworkKind.Classifier };

    /// <summary>Oracle: the same residual network in PyTorch 1.13, with the same weights.</summary>
    [Theory]
    [InlineData("pool", ShortcutKind.AveragePooling)]
    [InlineData("project", ShortcutKind.StridedProjection)]
    public void Residual_blocks_equal_PyTorchs(string name, ShortcutKind shortcut)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        using var golden = new LayerGolden();
        using var network = Network.Build(
            Small with { InputChannels = 2, Classes = 3, Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1], Shortcut = shortcut }, generator);
        golden.Fill(network, $"residual/{name}");

        var found = network.forward(golden[$"residual/{name}/input"]);
        Assert.Equal([2L, 3], found.shape);
        Assert.InRange((found - golden[$"residual/{name}/output"]).abs().max().item<float>(), 0, 1e-4);
    }

    [Theory]
    [InlineData(BayesianStages.All, 5, null)]
    [InlineData(BayesianStages.Decoder, 3, "encoder0_conv1_act")]
    [InlineData(BayesianStages.LastStage, 3, "encoder0_conv1_act")]
    [InlineData(BayesianStages.OutputLayer, 1, "pooling")]
    public void Bayesian_stages_and_cut(BayesianStages stages, int noiseInputs, string? cut)
    {
        using var generator = new Generator(1);
        using var network = Network.Build(Small with { Posterior = Posterior.MeanField, BayesianStages = stages }, generator);

        Assert.Equal(noiseInputs, network.NoiseInputs.Count);
        Assert.Equal(cut, network.Cut?.Name);
    }

    /// <summary>A bright cube in noise, or noise alone; a dim cube lies between, and is what the network should be unsure about.</summary>
    [Fact]
    public void A_Bayesian_classifier_learns_by_the_ELBO_and_is_unsure_where_the_classes_meet()
    {
        const int Steps = 120, Batch = 16;
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        using var network = Network.Build(Small with { Posterior = Posterior.MeanField, Norm = NormKind.None, Estimator = WeightEstimator.Flipout }, generator);
        var noise = new TrainingNoise(generator, CPU);
        var loss = LossSum.Parse("cross-entropy");
        var elbo = new Elbo(DataTerm.MeanPerExample, KlScaling.PerExample, minibatches: Steps, examples: Steps * Batch, voxels: 1);
        using var optimiser = torch.optim.Adam(network.parameters(), lr: 1e-2);
        using var pause = FinalizerPause.Begin();
        for (var step = 0; step < Steps; step++)
        {
            using var inner = NewDisposeScope();
            var (images, labels) = Minibatch(Batch, generator);
            optimiser.zero_grad();
            using var terms = loss.Compute(network.Run(images, noise), labels, progress: (double)step / Steps);
            (elbo.DataFactor(Batch) * terms.Total + elbo.KlFactor(step + 1) * network.KlDivergence(noise)).backward();
            optimiser.step();
        }

        Tensor Probability(Tensor images) => stack([.. Enumerable.Range(0, 20).Select(_ => functional.softmax(network.Run(images, noise), 1))]).mean([0L]);

        using var noGradient = no_grad();
        (double Accuracy, double Entropy) Judge(Tensor labels, double brightness)
        {
            var images = Images(labels * brightness, generator);
            var probability = Probability(images);
            var entropy = -(probability * (probability + 1e-12).log()).sum(1);
            Assert.InRange(entropy.max().item<float>(), 0, Math.Log(2) + 1e-5);
            return (probability.argmax(1).eq(labels).to(float32).mean().item<float>(), entropy.mean().item<float>());
        }

        var clear = Judge(arange(64) % 2, 1.5);
        var doubtful = Judge(ones(64, int64), 0.6);
        Assert.InRange(clear.Accuracy, 0.9, 1);
        Assert.True(doubtful.Entropy > 1.3 * clear.Entropy, $"entropy {doubtful.Entropy} between the classes, {clear.Entropy} within them");
    }

    /// <summary>The loop of docs/reference/networks.md is the one above.</summary>
    [Fact]
    public void The_page_shows_the_loop_that_is_tested()
    {
        var page = File.ReadAllText(RepositoryRoot.File("docs/reference/networks.md"));
        var loop = page[(page.IndexOf("```csharp\n", StringComparison.Ordinal) + 10)..];
        loop = loop[..loop.IndexOf("```", StringComparison.Ordinal)].TrimEnd();

        Assert.Contains(loop, File.ReadAllText(RepositoryRoot.File("tests/Models.Tests/ClassifierTests.cs")).Replace("\n        ", "\n", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("KlDivergence", loop, StringComparison.Ordinal);
    }

    private static (Tensor Images, Tensor Labels) Minibatch(int batch, Generator generator)
    {
        var labels = randint(0, 2, [batch], dtype: int64, generator: generator);
        return (Images(labels * 1.5, generator), labels);
    }

    private static Tensor Images(Tensor brightness, Generator generator)
    {
        var images = randn([brightness.shape[0], 1, 8, 8, 8], generator: generator) * 0.5;
        images[.., .., 2..6, 3..7, 2..6] += brightness.to(float32).view(-1, 1, 1, 1, 1);
        return images;
    }
}
