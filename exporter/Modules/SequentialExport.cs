using Credence.Inference.Model;
using Credence.MedicalIO;
using TorchSharp.Modules;

namespace Credence.Exporter.Modules;

/// <summary>Writes a network of one's own, a <see cref="Sequential"/> of TorchSharp, as a model file that the engine runs, proved equal to the network.</summary>
public static class SequentialExport
{
    /// <summary>Exports; nothing is written under the final name before the proof has passed.</summary>
    /// <param name="network">Turns (N, C, D, H, W) into logits (N, K, D, H, W); on the CPU. It is proved as it computes in evaluation mode; its mode is left as it was.</param>
    /// <param name="options">What it is.</param>
    /// <exception cref="ModelFileException">A module has no ONNX form (the message names it and its place), the options contradict the network, or the file differs from it.</exception>
    /// <exception cref="InputException">The case of the proof cannot be used.</exception>
    public static ExportResult Export(Sequential network, SequentialOptions options)
    {
        if (network.parameters().FirstOrDefault(p => p.device_type != DeviceType.CPU) is { } elsewhere)
        {
            throw new ModelFileException(options.Output, $"a network on {elsewhere.device}", "one on the CPU", "Move it with network.cpu() first.");
        }

        var modes = network.modules().Prepend(network).Select(m => (Module: m, IsTraining: m.training)).ToList();
        network.eval();
        try
        {
            using var trained = SequentialNetwork.Build(network, options); // its modules stay the caller's
            return new ModelFileWriter { Output = options.Output, Source = options.Output, Precision = options.Precision, ProofScan = options.ProofScan, Modules = options.Modules }
                .Write([trained], [trained], TrainedMember.WithNetwork(options.Manifest, trained));
        }
        finally
        {
            foreach (var (module, isTraining) in modes)
            {
                module.train(isTraining); // of its children too, which come after it
            }
        }
    }
}
