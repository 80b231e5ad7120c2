using System.Runtime.CompilerServices;
using Credence.Models;
using TorchSharp;

namespace Credence.Tests;

/// <summary>The devices that a test runs on: the CPU, and a CUDA device where there is one. Elsewhere the test of that device is skipped by name.</summary>
internal static class Cuda
{
    public const string Name = "cuda:0";

#pragma warning disable CA2255 // A test may call TorchSharp before anything of Credence.Models, which loads it where the system's libstdc++ is old.
    [ModuleInitializer]
    internal static void Load() => TorchRuntime.Load();
#pragma warning restore CA2255

    public static torch.Device DeviceOrSkip(string name)
    {
        Assert.SkipUnless(name == "cpu" || torch.cuda.is_available(), $"there is no CUDA device, or the build is not one with -p:Accelerator=cuda: {name}");
        return new torch.Device(name);
    }
}
