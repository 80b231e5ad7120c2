namespace Credence.Models.Layers;

/// <summary>3-D convolution with zero padding of half a kernel, so that stride 1 keeps the size. A kernel of 1 x k x k is a 2-D convolution of every slice.</summary>
public sealed class Convolution : Module, IWeightedLayer, IMixedPrecision
{
    private const long ChannelBlock = 16; // float32 lanes of AVX-512: the largest block of oneDNN

    private readonly Parameter bias; // (outChannels), always a point

    /// <summary>Creates the layer.</summary>
    /// <param name="weight">(outChannels, inChannels, kernel D, H, W), odd kernel edges; a <see cref="PointWeight"/> or <see cref="GaussianWeight"/>.</param>
    /// <param name="shape">Shape of <paramref name="weight"/>.</param>
    /// <param name="stride">(D, H, W).</param>
    public Convolution(IWeight weight, long[] shape, long[] stride)
        : base(nameof(Convolution))
    {
        Weight = weight;
        Stride = stride;
        Padding = [.. shape[2..].Select(edge => edge / 2)];
        bias = Parameter(zeros(shape[0]));
        register_module("weight", (Module)weight);
        register_parameter("bias", bias);
    }

    /// <inheritdoc/>
    public IWeight Weight { get; }

    /// <inheritdoc/>
    public Tensor Bias => bias;

    /// <summary>(D, H, W).</summary>
    public long[] Stride { get; }

    /// <summary>(D, H, W), voxels added at each side.</summary>
    public long[] Padding { get; }

    /// <inheritdoc/>
    public ComputePrecision Precision { get; set; }

    /// <inheritdoc/>
    public NoiseDescription? Noise => Weight.Noise;

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => Weight.Apply(Convolve, inputs[0], bias, noise);

    private Tensor Convolve(Tensor input, Tensor weight, Tensor? bias)
    {
        if (!NeedsWholeBlocks(input))
        {
            return Precision.Apply(Operation, input, weight, bias);
        }

        using var scope = NewDisposeScope();
        var (channels, missingOut, missingIn) = (weight.shape[0], Missing(weight.shape[0]), Missing(weight.shape[1]));
        var whole = Precision.Apply(
            Operation,
            missingIn == 0 ? input : functional.pad(input, [0, 0, 0, 0, 0, 0, 0, missingIn]),
            functional.pad(weight, [0, 0, 0, 0, 0, 0, 0, missingIn, 0, missingOut]),
            bias is null ? null : functional.pad(bias, [0, missingOut]));
        return whole.narrow(1, 0, channels).MoveToOuterDisposeScope();
    }

    private Tensor Operation(Tensor input, Tensor weight, Tensor? bias) => functional.conv3d(input, weight, bias, strides: Stride, padding: Padding);

    /// <summary>
    /// Whether channels of zeros must fill the blocks, so that the gradient of the input is right: libtorch 2.10 computes it wrongly on a CPU when a
    /// convolution of stride 1 has channels that leave a block of oneDNN partly empty. See docs/decisions/0019-whole-blocks-of-channels.md.
    /// </summary>
    private bool NeedsWholeBlocks(Tensor input) =>
        input.requires_grad && input.device_type == DeviceType.CPU && Padding.Any(p => p > 0) && Stride.All(s => s == 1)
        && Missing(bias.shape[0]) + Missing(input.shape[1]) > 0;

    private static long Missing(long channels) => -channels & (ChannelBlock - 1);
}
