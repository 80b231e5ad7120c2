using TorchSharp;

namespace Credence.Tests;

/// <summary>The devices that a test runs on: the CPU, and a CUDA device where there is one. Elsewhere the test of that device is skipped by name.</summary>
internal static class Cuda
{
    public const string Name = "cuda:0";

    public static torch.Device DeviceOrSkip(string name)
    {
        Assert.SkipUnless(name == "cpu" || torch.cuda.is_available(), $"there is no CUDA device, or the build is not one with -p:Accelerator=cuda: {name}");
        return new torch.Device(name);
    }
}
