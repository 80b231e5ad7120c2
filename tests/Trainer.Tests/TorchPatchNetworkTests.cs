using Credence.Models;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class TorchPatchNetworkTests
{
    [Fact]
    public void A_network_that_trains_in_bfloat16_is_validated_in_float32()
    {
        using var generator = new Generator(1);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = 16, Strides = [[2, 2, 2]] }, generator);
        using var image = randn([1, 1, 8, 8, 8], generator: generator);
        float[] Logits()
        {
            var logits = new float[2 * 512];
            new TorchPatchNetwork(network, CPU).Run(image.data<float>().ToArray(), 1, new(8, 8, 8), null, logits);
            return logits;
        }

        var full = Logits();
        network.Precision = ComputePrecision.Bfloat16;
        using var half = network.forward(image);

        Assert.Equal(full, Logits());
        Assert.NotEqual(full, half.data<float>().ToArray());
        Assert.Equal(ComputePrecision.Bfloat16, network.Precision);
    }
}
