namespace Credence.Models;

/// <summary>Fresh noise from a generator, for training: one weight draw a pass, one channel mask an example.</summary>
/// <param name="generator">Source of all draws; same seed and device, same noise. The caller owns it.</param>
/// <param name="device">Device of the network. A generator of TorchSharp 0.107 lives on the host whatever device it is asked for, so on a CUDA device each tensor is drawn by the process's generator of that device, seeded from this one.</param>
public sealed class TrainingNoise(Generator generator, Device device) : ITrainingNoise
{
    /// <inheritdoc/>
    public Tensor Gaussian(string name, long[] shape) => randn(shape, device: device, generator: Seeded());

    /// <inheritdoc/>
    public Tensor ChannelMask(string name, long batch, long channels, double dropProbability)
    {
        using var scope = NewDisposeScope();
        var isKept = rand([batch, channels, 1, 1, 1], device: device, generator: Seeded()) >= dropProbability;
        return isKept.to(ScalarType.Float32).mul_(1 / (1 - dropProbability)).MoveToOuterDisposeScope();
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
