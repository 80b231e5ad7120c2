using System.Text.Json;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Priors;

namespace Credence.Trainer.Tests;

/// <summary>Runs that start from other runs, as a user starts them.</summary>
public sealed class StartFromTests
{
    [Fact]
    public void A_plain_run_becomes_the_start_and_the_prior_mean_of_a_Bayesian_one()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] common = ["fit", "--data", data.Path, "--epochs", "1", "--steps-per-epoch", "2", "--width", "4", "--device", "cpu"];
        Assert.Equal(0, Train([.. common, "--out", folder.File("plain")]).ExitCode);

        var (code, _, error) = Train([
            .. common, "--out", folder.File("bayesian"), "--posterior", "mean-field", "--bayesian-stages", "last-stage", "--estimator", "flipout",
            "--start-from", folder.File("plain"), "--moped-delta", "0.2", "--prior-mean", "start", "--norm", "instance",
        ]);
        Assert.True(code == 0, error);

        using var start = Checkpoint.Load(folder.File("plain/last.safetensors"));
        using var trained = Checkpoint.Load(folder.File("bayesian/best.safetensors"));
        Assert.Equal((BayesianStages.LastStage, WeightEstimator.Flipout, PriorMean.Start), (trained.Network.BayesianStages, trained.Network.Estimator, trained.Network.PriorMean));
        Assert.True(trained.Tensors["network/output.weight.priorMean"].equal(start.Tensors["network/output.weight.value"]).all().item<bool>());
        using var report = JsonDocument.Parse(File.ReadAllText(folder.File("bayesian/start.json")));
        Assert.Equal(["decoder0_conv0.weight", "decoder0_conv1.weight", "output.weight"], report.RootElement.GetProperty("madeGaussian").EnumerateArray().Select(n => n.GetString()));
        Assert.Equal(0, report.RootElement.GetProperty("fresh").GetArrayLength());

        var unfit = Train([.. common[..^4], "--width", "6", "--out", folder.File("unfit"), "--start-from", folder.File("plain")]);
        Assert.Equal(4, unfit.ExitCode);
        Assert.Contains("tensor \"network/encoder0_conv0.weight.value\" of shape (4, 1, ", unfit.Error, StringComparison.Ordinal);
        var absent = Train([.. common, "--out", folder.File("absent"), "--start-from", folder.File("nothing")]);
        Assert.Equal((3, true), (absent.ExitCode, absent.Error.Contains("no last.safetensors", StringComparison.Ordinal)));
    }

    [Fact]
    public void Batch_norm_with_Gaussian_weights_and_two_examples_is_warned_about()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var (code, _, error) = Train(
            "fit", "--data", data.Path, "--out", folder.File("run"), "--epochs", "1", "--steps-per-epoch", "1", "--width", "4", "--batch-size", "2",
            "--posterior", "mean-field", "--norm", "batch", "--encoder", "residual");

        Assert.True(code == 0, error);
        Assert.Contains("warning: Batch norm with Gaussian weights", error, StringComparison.Ordinal);
        Assert.Contains("warning: Batch norm with 2 examples a minibatch", error, StringComparison.Ordinal);
    }

    private static (int ExitCode, string Output, string Error) Train(params string[] arguments) => BuiltProgram.Run("Trainer", "credence-train", arguments);
}
