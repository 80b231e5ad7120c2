using static TorchSharp.torch;

namespace Credence.Models.Tests;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void TorchSharp_computes_on_this_system()
    {
        TorchRuntime.Load();
        using var sum = (ones(2, 3) * 2).sum();

        Assert.Equal(12f, sum.item<float>());
    }
}
