namespace Credence.Models.Layers;

/// <summary>The weight of a layer: a point or a distribution.</summary>
public interface IWeight
{
    /// <summary>Runs a layer's operation with this weight.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="input">(N, C, ...).</param>
    /// <param name="bias">(outChannels); always a point.</param>
    /// <param name="noise">Source of randomness of the pass.</param>
    /// <returns>(N, outChannels, ...).</returns>
    Tensor Apply(LinearOperation operation, Tensor input, Tensor bias, INoiseSource noise);

    /// <summary>The noise of one weight sample; null for a point.</summary>
    NoiseDescription? Noise { get; }
}
