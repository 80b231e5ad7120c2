using Credence.Models.Layers;

namespace Credence.Models.Tests;

public sealed class ConvolutionTests
{
    /// <summary>Oracle: the same convolution in float64, which libtorch computes by another path than float32.</summary>
    [Theory]
    [InlineData(4, 4, 3, 1)]
    [InlineData(16, 8, 3, 1)]
    [InlineData(12, 24, 3, 1)]
    [InlineData(16, 40, 5, 1)]
    [InlineData(16, 16, 3, 1)]
    [InlineData(24, 32, 3, 1)]
    [InlineData(3, 16, 3, 1)]
    [InlineData(8, 4, 3, 2)]
    [InlineData(24, 8, 3, 2)]
    [InlineData(12, 3, 1, 1)]
    public void Gradients_agree_with_float64_for_any_number_of_channels(int inChannels, int outChannels, int kernel, int stride)
    {
        using var scope = NewDisposeScope();
        using var pause = FinalizerPause.Begin();
        using var generator = new Generator(5);
        long[] shape = [outChannels, inChannels, kernel, kernel, kernel];
        using var weight = new PointWeight(randn(shape, generator: generator));
        using var layer = new Convolution(weight, shape, [stride, stride, stride]);
        var image = randn([2, inChannels, 12, 12, 12], generator: generator).requires_grad_();
        var image64 = image.detach().to(float64).requires_grad_();
        var weight64 = weight.Value.detach().to(float64).requires_grad_();

        LeaveNotANumberInFreedMemory();
        var output = layer.Forward([image], new MeanNoise());
        var output64 = functional.conv3d(image64, weight64, strides: [stride, stride, stride], padding: [kernel / 2, kernel / 2, kernel / 2]);
        var direction = randn(output.shape, generator: generator);
        var found = autograd.grad([output], [image, weight.Value], [direction]);
        var expected = autograd.grad([output64], [image64, weight64], [direction.to(float64)]);

        Assert.Equal(output64.shape, output.shape);
        foreach (var (a, b) in found.Append(output).Zip(expected.Append(output64)))
        {
            var largest = b.abs().max().item<double>();
            Assert.InRange((a.to(float64) - b).abs().max().item<double>(), 0, 1e-5 * largest);
        }
    }

    /// <summary>Oracle: the same convolution in float64. Which shapes go wrong without whole blocks depends on the machine, so several are tried.</summary>
    [Theory]
    [InlineData(4, 4, 3)]
    [InlineData(8, 24, 3)]
    [InlineData(12, 24, 3)]
    [InlineData(20, 20, 3)]
    [InlineData(20, 20, 1)]
    [InlineData(24, 24, 3)]
    [InlineData(24, 24, 5)]
    [InlineData(24, 48, 3)]
    [InlineData(24, 2, 1)]
    [InlineData(40, 40, 3)]
    public void Outputs_without_gradients_agree_with_float64_for_any_number_of_channels(int inChannels, int outChannels, int kernel)
    {
        using var scope = NewDisposeScope();
        using var pause = FinalizerPause.Begin();
        using var noGradient = no_grad();
        using var generator = new Generator(5);
        long[] shape = [outChannels, inChannels, kernel, kernel, kernel];
        using var weight = new PointWeight(randn(shape, generator: generator));
        using var layer = new Convolution(weight, shape, [1, 1, 1]);
        foreach (var edge in new[] { 8, 12 })
        {
            var image = randn([1, inChannels, edge, edge, edge], generator: generator);
            var expected = functional.conv3d(image.to(float64), weight.Value.to(float64), padding: layer.Padding);

            LeaveNotANumberInFreedMemory();
            var output = layer.Forward([image], new MeanNoise());

            Assert.InRange((output.to(float64) - expected).abs().max().item<double>(), 0, 1e-5 * expected.abs().max().item<double>());
        }
    }

    /// <summary>Oracle: the same network in float64.</summary>
    [Theory]
    [InlineData(12)]
    [InlineData(20)]
    public void A_network_without_gradients_agrees_with_float64(int width)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var generator = new Generator(5);
        using var network = UNet.Build(new() { InputChannels = 1, Classes = 2, Width = width }, generator);
        var image = randn([1, 1, 16, 16, 16], generator: generator);

        LeaveNotANumberInFreedMemory();
        var output = network.forward(image).to(float64);

        network.to(float64);
        Assert.True(output.allclose(network.forward(image.to(float64)), rtol: 1e-4, atol: 1e-4));
    }

    /// <summary>Holds on every machine: what the operation gets, and that nothing of it is seen outside.</summary>
    [Theory]
    [InlineData(20, 24, false)]
    [InlineData(16, 3, false)]
    [InlineData(40, 12, true)]
    public void Filling_hands_the_operation_whole_blocks_of_zeros(int inChannels, int outChannels, bool isTransposed)
    {
        using var scope = NewDisposeScope();
        var input = ones([2, inChannels, 4, 4, 4]);
        var weight = isTransposed ? ones([inChannels, outChannels, 2, 2, 2]) : ones([outChannels, inChannels, 3, 3, 3]);
        var output = WholeBlocks.Fill((x, w, b) =>
        {
            foreach (var channels in new[] { x.shape[1], w.shape[0], w.shape[1], b!.shape[0] })
            {
                Assert.Equal(0, channels % 16);
            }

            Assert.Equal(w.shape[isTransposed ? 0 : 1], x.shape[1]);
            Assert.Equal((input.sum().item<float>(), weight.sum().item<float>()), (x.sum().item<float>(), w.sum().item<float>()));
            return arange(b!.shape[0]).view(1, -1, 1, 1, 1).expand(2, -1, 4, 4, 4);
        }, input, weight, ones(outChannels), isTransposed);

        Assert.Equal([2L, outChannels, 4, 4, 4], output.shape);
        Assert.Equal(outChannels - 1, output.max().item<long>());
    }

    [Fact]
    public void An_even_kernel_is_refused()
    {
        using var weight = new PointWeight(ones([4, 4, 1, 2, 3]));

        Assert.StartsWith("A kernel of 1 x 2 x 3 has an even edge; give odd ones.",
            Assert.Throws<ArgumentException>(() => new Convolution(weight, [4, 4, 1, 2, 3], [1, 1, 1])).Message, StringComparison.Ordinal);
    }

    /// <summary>Oracle: the same operation in float64.</summary>
    [Theory]
    [InlineData(8, 4)]
    [InlineData(24, 12)]
    [InlineData(40, 24)]
    [InlineData(32, 16)]
    public void Transposed_convolutions_agree_with_float64_for_any_number_of_channels(int inChannels, int outChannels)
    {
        using var scope = NewDisposeScope();
        using var pause = FinalizerPause.Begin();
        using var generator = new Generator(5);
        long[] shape = [inChannels, outChannels, 2, 2, 2];
        using var weight = new PointWeight(randn(shape, generator: generator));
        using var layer = new TransposedConvolution(weight, shape);
        var image = randn([2, inChannels, 6, 6, 6], generator: generator).requires_grad_();
        var image64 = image.detach().to(float64).requires_grad_();
        var weight64 = weight.Value.detach().to(float64).requires_grad_();

        LeaveNotANumberInFreedMemory();
        var output = layer.Forward([image], new MeanNoise());
        var output64 = functional.conv_transpose3d(image64, weight64, strides: [2, 2, 2]);
        var direction = randn(output.shape, generator: generator);
        var found = autograd.grad([output], [image, weight.Value], [direction]);
        var expected = autograd.grad([output64], [image64, weight64], [direction.to(float64)]);

        foreach (var (a, b) in found.Append(output).Zip(expected.Append(output64)))
        {
            Assert.InRange((a.to(float64) - b).abs().max().item<double>(), 0, 1e-5 * b.abs().max().item<double>());
        }
    }

    /// <summary>What libtorch reads beyond the last channel is what happens to lie there.</summary>
    private static void LeaveNotANumberInFreedMemory()
    {
        foreach (var size in Enumerable.Range(10, 12).Select(n => 1L << n))
        {
            var tensors = Enumerable.Range(0, 8).Select(_ => full([size], float.NaN)).ToList();
            tensors.ForEach(t => t.Dispose());
        }
    }

    [Fact]
    public void A_pass_leaves_no_tensor_behind_but_its_result()
    {
        using var weight = new PointWeight(ones([4, 4, 3, 3, 3]));
        using var layer = new Convolution(weight, [4, 4, 3, 3, 3], [1, 1, 1]);
        using var image = ones([1, 4, 6, 6, 6]).requires_grad_();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

        layer.Forward([image], new MeanNoise()).Dispose();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
