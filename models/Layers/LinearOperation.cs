namespace Credence.Models.Layers;

/// <summary>What a layer does with its weight: a convolution, a transposed convolution, a matrix product. Linear in input and weight.</summary>
/// <param name="input">(N, C, ...).</param>
/// <param name="weight">In the layer's own order of axes.</param>
/// <param name="bias">(outChannels), or null for none.</param>
/// <returns>(N, outChannels, ...).</returns>
public delegate Tensor LinearOperation(Tensor input, Tensor weight, Tensor? bias);
