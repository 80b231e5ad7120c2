namespace Credence.Models.Layers;

/// <summary>One operation of a network. The exporter writes each kind of layer as ONNX nodes.</summary>
public interface ILayer
{
    /// <summary>Computes the output.</summary>
    /// <param name="inputs">Outputs of the nodes that this one reads, each (N, C, D, H, W), or (N, C) behind a global pooling. Not disposed.</param>
    /// <param name="noise">Source of randomness of this pass.</param>
    /// <returns>(N, C', D', H', W') or (N, C').</returns>
    Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise);
}

/// <summary>A layer whose output depends on noise.</summary>
public interface IStochasticLayer : ILayer
{
    /// <summary>The noise that the layer asks for; null when its weights are points.</summary>
    NoiseDescription? Noise { get; }
}

/// <summary>A layer with a weight, which may be a distribution. Its bias is always a point.</summary>
public interface IWeightedLayer : IStochasticLayer
{
    /// <summary>The weight.</summary>
    IWeight Weight { get; }

    /// <summary>(outChannels).</summary>
    Tensor Bias { get; }
}

/// <summary>One source of randomness of a network.</summary>
/// <param name="Name"><c>noise/&lt;layer&gt;</c> or <c>mask/&lt;layer&gt;</c>.</param>
/// <param name="Shape">Shape of the tensor of one sample.</param>
/// <param name="DropProbability">Null: standard normal. Otherwise Bernoulli: 0 with this probability p, else 1 / (1 - p).</param>
public sealed record NoiseDescription(string Name, IReadOnlyList<long> Shape, double? DropProbability);
