namespace Credence.Models.Layers;

/// <summary>max(x, slope · x).</summary>
/// <param name="negativeSlope">Slope for negative values.</param>
public sealed class LeakyRelu(double negativeSlope) : ILayer
{
    /// <summary>Slope for negative values.</summary>
    public double NegativeSlope { get; } = negativeSlope;

    /// <inheritdoc/>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) =>
        functional.leaky_relu(inputs[0], NegativeSlope);
}
