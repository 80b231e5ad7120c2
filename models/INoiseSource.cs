namespace Credence.Models;

/// <summary>Where a pass takes its randomness from: nothing (the posterior mean), a generator, or given tensors.</summary>
public interface INoiseSource
{
    /// <summary>Standard normal noise for a weight, or null for the posterior mean.</summary>
    /// <param name="name">Name of the noise input: <c>noise/&lt;layer&gt;</c>.</param>
    /// <param name="shape">Shape of the weight.</param>
    Tensor? Gaussian(string name, long[] shape);

    /// <summary>Mask of (N or 1, C, 1, 1, 1) with 0 for dropped channels and 1 / (1 - p) for kept ones, or null to keep all.</summary>
    /// <param name="name">Name of the noise input: <c>mask/&lt;layer&gt;</c>.</param>
    /// <param name="batch">N.</param>
    /// <param name="channels">C.</param>
    /// <param name="dropProbability">p.</param>
    Tensor? ChannelMask(string name, long batch, long channels, double dropProbability);
}

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

/// <summary>No noise: the posterior-mean network.</summary>
public sealed class MeanNoise : INoiseSource
{
    /// <inheritdoc/>
    public Tensor? Gaussian(string name, long[] shape) => null;

    /// <inheritdoc/>
    public Tensor? ChannelMask(string name, long batch, long channels, double dropProbability) => null;
}

/// <summary>Fresh noise from a generator, for training: one weight draw a pass, one channel mask an example.</summary>
/// <param name="generator">Source of all draws; same seed and device, same noise. The caller owns it.</param>
/// <param name="device">Device of the network. A generator of TorchSharp 0.107 lives on the host whatever device it is asked for, so on a CUDA device each tensor is drawn by the process's generator of that device, seeded from this one.</param>
public sealed class RandomNoise(Generator generator, Device device) : ITrainingNoise
{
    /// <inheritdoc/>
    public Tensor Gaussian(string name, long[] shape) => randn(shape, device: device, generator: Seeded());

    /// <inheritdoc/>
    public Tensor ChannelMask(string name, long batch, long channels, double dropProbability)
    {
        using var uniform = rand([batch, channels, 1, 1, 1], device: device, generator: Seeded());
        return (uniform >= dropProbability).to(ScalarType.Float32).mul_(1 / (1 - dropProbability));
    }

    /// <inheritdoc/>
    public Tensor Signs(string name, long[] shape) => randint(0, 2, shape, dtype: ScalarType.Float32, device: device, generator: Seeded()).mul_(2).sub_(1);

    /// <inheritdoc/>
    public Tensor Activation(string name, long[] shape) => randn(shape, device: device, generator: Seeded());

    Tensor? INoiseSource.Gaussian(string name, long[] shape) => Gaussian(name, shape);

    Tensor? INoiseSource.ChannelMask(string name, long batch, long channels, double dropProbability) =>
        ChannelMask(name, batch, channels, dropProbability);

    /// <summary>What the next tensor is drawn with: null stands for the device's own generator.</summary>
    private Generator? Seeded()
    {
        if (device.type != DeviceType.CUDA)
        {
            return generator;
        }

        using var seed = randint(0, long.MaxValue, [1], dtype: ScalarType.Int64, generator: generator);
        cuda.manual_seed_all(seed.item<long>());
        return null;
    }
}

/// <summary>Given tensors, one a noise input: one fixed weight sample for a whole volume.</summary>
/// <param name="tensors">By name of the noise input. The caller owns them.</param>
public sealed class GivenNoise(IReadOnlyDictionary<string, Tensor> tensors) : INoiseSource
{
    /// <inheritdoc/>
    public Tensor? Gaussian(string name, long[] shape) => tensors[name].alias();

    /// <inheritdoc/>
    public Tensor? ChannelMask(string name, long batch, long channels, double dropProbability) => tensors[name].alias();
}
