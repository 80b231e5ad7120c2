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
