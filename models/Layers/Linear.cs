namespace Credence.Models.Layers;

/// <summary>Matrix product of every example with a weight, plus a bias.</summary>
public sealed class Linear : Module, IWeightedLayer
{
    private readonly Parameter bias; // (outFeatures), always a point

    /// <summary>Creates the layer.</summary>
    /// <param name="weight">(outFeatures, inFeatures); a <see cref="PointWeight"/> or <see cref="GaussianWeight"/>.</param>
    /// <param name="shape">Shape of <paramref name="weight"/>.</param>
    public Linear(IWeight weight, long[] shape)
        : base(nameof(Linear))
    {
        Weight = weight;
        bias = Parameter(zeros(shape[0]));
        register_module("weight", (Module)weight);
        register_parameter("bias", bias);
    }

    /// <inheritdoc/>
    public IWeight Weight { get; }

    /// <inheritdoc/>
    public Tensor Bias => bias;

    /// <inheritdoc/>
    public NoiseDescription? Noise => Weight.Noise;

    /// <inheritdoc/>
    /// <returns>(N, outFeatures) for an input of (N, inFeatures).</returns>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => Weight.Apply(Multiply, inputs[0], bias, noise);

    private static Tensor Multiply(Tensor input, Tensor weight, Tensor? bias) => functional.linear(input, weight, bias);
}
