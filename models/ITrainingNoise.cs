namespace Credence.Models;

/// <summary>
/// The noise of a training pass. A pass with such a source draws weights by the layer's <see cref="WeightEstimator"/>, and normalises by the minibatch
/// where the network has batch norm. There is no other training mode, so none can be left switched on.
/// </summary>
public interface ITrainingNoise : INoiseSource
{
    /// <summary>Random signs, -1 or 1 with equal probability.</summary>
    /// <param name="name">Name of the layer's noise input.</param>
    /// <param name="shape">(N, C, 1, ...): one sign an example and channel.</param>
    Tensor Signs(string name, long[] shape);

    /// <summary>Standard normal noise for every element of an activation.</summary>
    /// <param name="name">Name of the layer's noise input.</param>
    /// <param name="shape">Shape of the activation.</param>
    Tensor Activation(string name, long[] shape);
}
