using Credence.Inference;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Layers;

namespace Credence.Trainer.Training;

/// <summary>Lets the sliding window of the inference engine run a network in training, so that validation is deployment.</summary>
/// <param name="network">The network; not owned.</param>
/// <param name="device">Where it lives.</param>
internal sealed class TorchPatchNetwork(Network network, Device device) : IPatchNetwork
{
    /// <inheritdoc/>
    public void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits, CancellationToken cancellation = default)
    {
        cancellation.ThrowIfCancellationRequested();
        var precision = network.Precision;
        network.Precision = ComputePrecision.Float32; // of the exported file, whatever the network trains in
        try
        {
            using var noGradient = no_grad();
            using var scope = NewDisposeScope();
            var channels = network.Options.InputChannels;
            var input = tensor(patches.ToArray(), [batch, channels, size.Depth, size.Height, size.Width]).to(network.parameters().First().dtype, device);
            network.Run(input, Source(noise)).to(float32).cpu().data<float>().CopyTo(logits);
        }
        finally
        {
            network.Precision = precision;
        }
    }

    private INoiseSource Source(NoiseSample? noise) => noise is null
        ? new MeanNoise()
        : new GivenNoise(network.NoiseInputs.Zip(noise.Tensors).ToDictionary(
            pair => pair.First.Name, pair => tensor(pair.Second, [.. pair.First.Shape]).to(device)));
}
