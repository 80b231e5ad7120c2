using Credence.Inference.Onnx;

namespace Credence.Inference.Tests;

public sealed class DeviceChoiceTests
{
    [Fact]
    public void The_golden_numbers_of_a_model_are_met_on_the_processor()
    {
        using var network = new OnnxNetwork(TinyModel.Model());
        Assert.InRange(DeviceChoice.LargestDifference(network, TinyModel.Manifest).Size, 0, 1e-6);
    }

    [Theory]
    [InlineData(ExecutionProvider.Cuda)]
    [InlineData(ExecutionProvider.TensorRt)]
    [InlineData(ExecutionProvider.DirectMl)]
    [InlineData(ExecutionProvider.OpenVino)]
    public void A_provider_that_this_build_does_not_have_is_replaced_by_the_processor_with_a_warning(ExecutionProvider asked)
    {
        Assert.SkipWhen(Microsoft.ML.OnnxRuntime.OrtEnv.Instance().GetAvailableProviders().Length > 2, "this build of ONNX Runtime has more providers");
        var choice = DeviceChoice.Open(TinyModel.Model(), new(asked), d => new(TinyModel.Model(), 0, d));
        using var network = choice.Network;
        Assert.Equal(InferenceDevice.Cpu, choice.Device);
        Assert.StartsWith($"{new InferenceDevice(asked)} was asked for, and the model runs on the CPU: this build of ONNX Runtime has ", choice.Warning, StringComparison.Ordinal);
    }

    [Fact]
    public void A_provider_with_other_logits_is_replaced_with_the_figure()
    {
        var model = TinyModel.Model();
        var other = TinyModel.Model(m => m with { SelfTest = m.SelfTest! with { Seed = 4 } }); // the golden numbers of another patch
        var choice = DeviceChoice.Open(other, new(ExecutionProvider.Cuda, 1), _ => new(model));
        using var network = choice.Network;
        Assert.Equal(InferenceDevice.Cpu, choice.Device);
        Assert.Matches(@"^cuda:1 was asked for, and the model runs on the CPU: its logits differ from the golden numbers of the model by \d.* of the largest, at class \d, voxel \(\d+, \d+, \d+\) of its patch, (default noise|sample \d.*) \(tolerance 0\.0001\)\.$", choice.Warning);
    }

    [Fact]
    public void A_provider_that_meets_the_golden_numbers_is_used()
    {
        var choice = DeviceChoice.Open(TinyModel.Model(), new(ExecutionProvider.Cuda, 1), _ => new(TinyModel.Model()));
        using var network = choice.Network;
        Assert.Equal(("cuda:1", null), (choice.Device.ToString(), choice.Warning));
    }

    [Theory]
    [InlineData("cpu", "cpu")]
    [InlineData("cuda", "cuda:0")]
    [InlineData("cuda:3", "cuda:3")]
    [InlineData("tensorrt:1", "tensorrt:1")]
    [InlineData("directml", "directml:0")]
    [InlineData("openvino", "openvino")]
    [InlineData("cpu:0", null)]
    [InlineData("openvino:0", null)]
    [InlineData("cuda:", null)]
    [InlineData("cuda:-1", null)]
    [InlineData("cuda:99999999999", null)]
    [InlineData("CUDA", null)]
    [InlineData("gpu", null)]
    [InlineData("", null)]
    public void A_device_is_named_by_its_provider_and_number(string text, string? expected) => Assert.Equal(expected, InferenceDevice.Parse(text)?.ToString());

    [Fact]
    public void The_automatic_device_is_one_that_this_build_has() =>
        Assert.Equal(Microsoft.ML.OnnxRuntime.OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider") ? "cuda:0" : "cpu", InferenceDevice.Parse("auto")!.ToString());
}
