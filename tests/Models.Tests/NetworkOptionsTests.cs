using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Priors;

namespace Credence.Models.Tests;

public sealed class NetworkOptionsTests
{
    private static readonly NetworkOptions Plain = new() { InputChannels = 1, Classes = 2, Width = 2 };

    /// <summary>Oracle: the program that wrote the file, which kept its output beside the weights (Golden/make_older_checkpoint.sh).</summary>
    [Fact]
    public void A_checkpoint_of_an_older_program_means_what_it_meant()
    {
        using var scope = NewDisposeScope();
        using var checkpoint = Checkpoint.Load(RepositoryRoot.File("tests/Models.Tests/Golden/older.safetensors"));
        using var network = checkpoint.BuildNetwork();

        Assert.Equal((Posterior.MeanField, 0.3, 2), (network.Options.Posterior, network.Options.PriorSigma, network.Options.Width));
        Assert.Equal((NormKind.Instance, BayesianStages.All, PriorKind.Gaussian, WeightEstimator.Reparameterisation, PriorMean.Zero, DropoutPlacement.AllStages),
            (network.Options.Norm, network.Options.BayesianStages, network.Options.Prior, network.Options.Estimator, network.Options.PriorMean, network.Options.DropoutPlacement));
        Assert.True(network.forward(checkpoint.Tensors["image"]).allclose(checkpoint.Tensors["logits"], rtol: 1e-4, atol: 1e-5));
        var kl = checkpoint.Tensors["kl"].item<float>();
        Assert.Equal(kl, network.KlDivergence(new MeanNoise()).item<float>(), tolerance: 1e-5 * kl);
    }

    [Fact]
    public void Doubtful_combinations_are_warned_about_and_sound_ones_are_not()
    {
        Assert.Empty(Plain.Warnings(1));
        Assert.Empty((Plain with { Norm = NormKind.Batch }).Warnings(3));
        Assert.Equal("Batch norm with 2 examples a minibatch: its statistics are noise. Use instance or group norm, or at least 4 examples.",
            Assert.Single((Plain with { Norm = NormKind.Batch }).Warnings(2)));
        Assert.Equal("Batch norm with Gaussian weights: the running statistics mix the weights of many draws, and fit none of them. Use instance or group norm.",
            Assert.Single((Plain with { Norm = NormKind.Batch, Posterior = Posterior.MeanField }).Warnings(8)));
        Assert.Contains("gains nothing", Assert.Single((Plain with { Posterior = Posterior.MeanField, Estimator = WeightEstimator.Flipout }).Warnings(1)), StringComparison.Ordinal);
        Assert.Contains("It needs at least 4 levels.", Assert.Single((Plain with { HasDeepSupervision = true }).Warnings(2)), StringComparison.Ordinal);
    }

    [Fact]
    public void Contradictions_are_refused_with_their_values()
    {
        using var generator = new Generator(1);
        void Refused(NetworkOptions options, string text) =>
            Assert.StartsWith(text, Assert.Throws<ArgumentException>(() => Network.Build(options, generator)).Message, StringComparison.Ordinal);
        Refused(Plain with { Kernels = [[3, 3, 3]] }, "1 kernels were given for 3 levels; give one a level, or none.");
        Refused(Plain with { Kernels = [[3, 3, 3], [2, 3, 3], [3, 3, 3]] }, "Kernels 3 x 3 x 3, 2 x 3 x 3, 3 x 3 x 3 were given; give three odd numbers (depth, height, width) a level.");
        Refused(Plain with { Kernels = [[3, 3], [3, 3], [3, 3]] }, "Kernels 3 x 3, 3 x 3, 3 x 3 were given; give three odd numbers");
        Refused(Plain with { Strides = [[2, 2], [2, 2, 2]] }, "Strides 2 x 2, 2 x 2 x 2 were given; give three numbers (depth, height, width) above 0 from each level to the next.");
        Refused(Plain with { Strides = [[2, 0, 2]] }, "Strides 2 x 0 x 2 were given;");
        Refused(Plain with { InputChannels = 0 }, "0 input channels were given; give at least 1.");
        Refused(Plain with { Classes = 1 }, "1 classes were given; give at least 2, background included.");
        Refused(Plain with { Width = 0 }, "Width 0 of at most 320 was given; give numbers above 0.");
        Refused(Plain with { NormGroups = 0 }, "0 groups were given for group norm; give at least 1.");
        Refused(Plain with { DropProbability = 1 }, "The probability that a channel is dropped is 1; give a number between 0 and 1.");
        Refused(Plain with { PriorSigma = -0.5 }, "The standard deviation of the prior is -0.5; give a number above 0.");
        Refused(Plain with { SigmaFloor = double.NaN }, "The least standard deviation at the start is NaN; give a number above 0.");
        Refused(Plain with { WideShare = 0 }, "The share of the wide component of the prior is 0; give a number between 0 and 1.");
        Refused(Plain with { Prior = PriorKind.ScaleMixture, PriorSigma = 0.1, NarrowSigma = 0.1 }, "The narrow component of the prior has a standard deviation of 0.1, and the wide one of 0.1; give a narrow one below the wide one.");
        Refused(Plain with { Kind = NetworkKind.Classifier, HasDeepSupervision = true }, "Deep supervision was asked for, but a classifier has no decoder to supervise.");
        Refused(Plain with { ResidualBlocks = [1, 0, 2] }, "Residual blocks 1, 0, 2 were given for 3 levels; give one number above 0 a level, or none.");
        Refused(Plain with { PriorMean = PriorMean.Start }, "A prior mean was asked for, but the posterior is Plain; only MeanField has a prior.");
    }
}
