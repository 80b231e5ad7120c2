namespace Credence.Models.Layers;

/// <summary>3-D convolution with zero padding of half a kernel, so that stride 1 keeps the size. A kernel of 1 x k x k is a 2-D convolution of every slice.</summary>
public sealed class Convolution : Module, IWeightedLayer, IMixedPrecision
{
    private const int MostSafeChannels = 8; // so few are read by another path, whose output is right: docs/decisions/0019-whole-blocks-of-channels.md

    private readonly Parameter bias; // (outChannels), always a point

    /// <summary>Creates the layer.</summary>
    /// <param name="weight">(outChannels, inChannels, kernel D, H, W), odd kernel edges; a <see cref="PointWeight"/> or <see cref="GaussianWeight"/>.</param>
    /// <param name="shape">Shape of <paramref name="weight"/>.</param>
    /// <param name="stride">(D, H, W).</param>
    /// <exception cref="ArgumentException">A kernel edge is even: half a kernel would not keep the size.</exception>
    public Convolution(IWeight weight, long[] shape, long[] stride)
        : base(nameof(Convolution))
    {
        if (shape[2..].Any(edge => edge % 2 == 0))
        {
            throw new ArgumentException($"A kernel of {string.Join(" x ", shape[2..])} has an even edge; give odd ones.", nameof(shape));
        }

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

    private Tensor Convolve(Tensor input, Tensor weight, Tensor? bias) =>
        (input.requires_grad || weight.shape[1] > MostSafeChannels) && Padding.Any(p => p > 0) && WholeBlocks.AreMissing(input, weight.shape[1], weight.shape[0])
            ? WholeBlocks.Fill(Operation, input, weight, bias, isTransposed: false)
            : Operation(input, weight, bias);

    private Tensor Operation(Tensor input, Tensor weight, Tensor? bias) =>
        Precision.Apply((x, w, b) => functional.conv3d(x, w, b, strides: Stride, padding: Padding), input, weight, bias);
}
