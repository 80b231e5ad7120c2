using Credence.Models.Layers;

namespace Credence.Models.Tests;

/// <summary>The switch is one of the process and can be read on every machine; what it does, only a CUDA device shows (<see cref="ComputePrecisionTests"/>).</summary>
[CollectionDefinition(nameof(PrecisionScopeTests), DisableParallelization = true)]
[Collection(nameof(PrecisionScopeTests))]
public sealed class PrecisionScopeTests
{
    [Fact]
    public void Only_scopes_of_TF32_switch_and_the_last_one_switches_back()
    {
        Assert.False(backends.cudnn.allow_tf32);
        using (PrecisionScope.Begin(ComputePrecision.Bfloat16))
        {
            Assert.False(backends.cudnn.allow_tf32);
        }

        var (first, second) = (PrecisionScope.Begin(ComputePrecision.Tf32), PrecisionScope.Begin(ComputePrecision.Tf32));
        using (PrecisionScope.Begin(ComputePrecision.Float32))
        {
            first.Dispose();
            first.Dispose();
        }

        Assert.True(backends.cudnn.allow_tf32);
        second.Dispose();
        Assert.False(backends.cudnn.allow_tf32);
    }

    [Theory]
    [InlineData(ComputePrecision.Float32, false, false)]
    [InlineData(ComputePrecision.Tf32, false, false)]
    [InlineData(ComputePrecision.Tf32, true, true)]
    public void A_pass_holds_a_scope_of_its_own_and_its_gradients_need_that_of_the_caller(ComputePrecision precision, bool isHeld, bool isOnBackward)
    {
        using var tensors = NewDisposeScope();
        SwitchProbe.Reset();
        using var network = new Network(new() { InputChannels = 1, Classes = 2 }, [new("probe", new SwitchProbe(), [Network.Image])]) { Precision = precision };
        using (isHeld ? PrecisionScope.Begin(precision) : null)
        {
            var input = ones([1, 1, 2, 2, 2]).requires_grad_();
            network.Run(input, new MeanNoise()).sum().backward();
        }

        Assert.Equal((precision == ComputePrecision.Tf32, isOnBackward), (SwitchProbe.Forward, SwitchProbe.Backward));
        Assert.False(backends.cudnn.allow_tf32);
    }

    [Fact]
    public void A_pass_that_fails_switches_back()
    {
        using var tensors = NewDisposeScope();
        using var network = new Network(new() { InputChannels = 1, Classes = 2 }, [new("norm", new InstanceNormalisation(4), [Network.Image])]) { Precision = ComputePrecision.Tf32 };

        Assert.ThrowsAny<Exception>(() => network.forward(ones([1, 4, 1, 1, 1])));
        Assert.False(backends.cudnn.allow_tf32);
    }
}
