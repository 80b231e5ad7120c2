using Credence.Inference.Onnx;

namespace Credence.Inference.Tests;

public sealed class ProviderChoiceTests
{
    [Fact]
    public void The_golden_numbers_of_a_model_are_met_on_the_processor()
    {
        using var network = new OnnxNetwork(TinyModel.Model());
        Assert.InRange(ProviderChoice.LargestDifference(network, TinyModel.Manifest).Size, 0, 1e-6);
    }

    [Theory]
    [InlineData(ExecutionProvider.Cuda)]
    [InlineData(ExecutionProvider.TensorRt)]
    [InlineData(ExecutionProvider.DirectMl)]
    [InlineData(ExecutionProvider.OpenVino)]
    public void A_provider_that_this_build_does_not_have_is_replaced_by_the_processor_with_a_warning(ExecutionProvider asked)
    {
        Assert.SkipWhen(Microsoft.ML.OnnxRuntime.OrtEnv.Instance().GetAvailableProviders().Length > 2, "this build of ONNX Runtime has more providers");
        var choice = ProviderChoice.Open(TinyModel.Model(), asked, p => new(TinyModel.Model(), 0, p));
        using var network = choice.Network;
        Assert.Equal(ExecutionProvider.Cpu, choice.Provider);
        Assert.StartsWith($"{asked} was asked for, and the model runs on the CPU: this build of ONNX Runtime has ", choice.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_provider_with_other_logits_is_replaced_with_the_figure()
    {
        var model = TinyModel.Model();
        var other = TinyModel.Model(m => m with { SelfTest = m.SelfTest! with { Seed = 4 } }); // the golden numbers of another patch
        var choice = ProviderChoice.Open(other, ExecutionProvider.Cuda, _ => new(model));
        using var network = choice.Network;
        Assert.Equal(ExecutionProvider.Cpu, choice.Provider);
        Assert.Matches(@"^Cuda was asked for, and the model runs on the CPU: its logits differ from the golden numbers of the model by \d.* of the largest, at class \d, voxel \(\d+, \d+, \d+\) of its patch, (default noise|sample \d.*) \(tolerance 0\.0001\)\.$", choice.Warning);
    }

    [Fact]
    public void A_provider_that_meets_the_golden_numbers_is_used()
    {
        var choice = ProviderChoice.Open(TinyModel.Model(), ExecutionProvider.Cuda, _ => new(TinyModel.Model()));
        using var network = choice.Network;
        Assert.Equal((ExecutionProvider.Cuda, null), (choice.Provider, choice.Warning));
    }
}
