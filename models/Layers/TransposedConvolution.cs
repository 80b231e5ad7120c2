namespace Credence.Models.Layers;

/// <summary>3-D transposed convolution with kernel = stride: every voxel becomes one block of stride D x H x W voxels.</summary>
public sealed class TransposedConvolution : Module, IWeightedLayer, IMixedPrecision
{
    private readonly Parameter bias; // (outChannels), always a point

    /// <summary>Creates the layer.</summary>
    /// <param name="weight">(inChannels, outChannels, stride D, H, W): PyTorch's order of channels for transposed convolution.</param>
    /// <param name="shape">Shape of <paramref name="weight"/>.</param>
    public TransposedConvolution(IWeight weight, long[] shape)
        : base(nameof(TransposedConvolution))
    {
        Weight = weight;
        Stride = shape[2..];
        bias = Parameter(zeros(shape[1]));
        register_module("weight", (Module)weight);
        register_parameter("bias", bias);
    }

    /// <inheritdoc/>
    public IWeight Weight { get; }

    /// <inheritdoc/>
    public Tensor Bias => bias;

    /// <summary>(D, H, W), also the kernel's edges.</summary>
    public long[] Stride { get; }

    /// <inheritdoc/>
    public ComputePrecision Precision { get; set; }

    /// <inheritdoc/>
    public NoiseDescription? Noise => Weight.Noise;

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => Weight.Apply(Convolve, inputs[0], bias, noise);

    private Tensor Convolve(Tensor input, Tensor weight, Tensor? bias) =>
        WholeBlocks.AreMissing(input, weight.shape[0], weight.shape[1])
            ? WholeBlocks.Fill(Operation, input, weight, bias, isTransposed: true)
            : Operation(input, weight, bias);

    private Tensor Operation(Tensor input, Tensor weight, Tensor? bias) =>
        Precision.Apply((x, w, b) => functional.conv_transpose3d(x, w, b, strides: Stride), input, weight, bias);
}
