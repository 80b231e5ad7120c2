using System.Text.Json;
using Credence.Exporter.Modules;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.MedicalIO;
using Credence.Models;
using Google.Protobuf;

namespace Credence.Exporter;

/// <summary>Writes a network as a model file. It has its final name only once it is proved.</summary>
internal sealed record ModelFileWriter
{
    /// <summary>The model file.</summary>
    public required string Output { get; init; }

    /// <summary>What messages about the network name.</summary>
    public required string Source { get; init; }

    /// <summary>Number format of weights and convolutions.</summary>
    public required WeightPrecision Precision { get; init; }

    /// <summary>As <see cref="ExportOptions.ProofScan"/>.</summary>
    public required IReadOnlyList<string> ProofScan { get; init; }

    /// <summary>How modules of TorchSharp are written; null where the network has none.</summary>
    public ModuleRegistry? Modules { get; init; }

    /// <summary>Most bytes of a file: protobuf's own limit.</summary>
    public long LargestFile { get; init; } = int.MaxValue;

    /// <summary>Writes <paramref name="members"/>, proved against <paramref name="trained"/>.</summary>
    /// <param name="trained">What the file has to equal.</param>
    /// <param name="members">What is written: one network, or those of an ensemble.</param>
    /// <param name="manifest">Complete but for the self-test.</param>
    /// <param name="cancellation">Ends the proof between two patches.</param>
    /// <exception cref="ModelFileException">It cannot be written, or differs.</exception>
    public ExportResult Write(IReadOnlyList<Network> trained, IReadOnlyList<Network> members, ModelManifest manifest, CancellationToken cancellation = default)
    {
        ModelProto model;
        try
        {
            model = NetworkToOnnx.Translate(members, new Dictionary<string, string>(), Modules);
            Float16Graph.Convert(model.Graph, Precision);
        }
        catch (NotSupportedException e)
        {
            throw new ModelFileException(Source, e.Message, "layers that can be written as ONNX", "Use other layers, or float32.", e);
        }

        CheckSize(model.Graph.Initializer.Sum(t => (long)t.RawData.Length)); // protobuf counts in int
        manifest = manifest with { Precision = Precision };
        var golden = GoldenNumbers.Compute(model.ToByteArray(), manifest);
        if (!golden.DefaultLogits.Concat(golden.SampledLogits).All(float.IsFinite))
        {
            throw new ModelFileException(Source, "a network whose output is not finite", "finite weights, and logits that float32 can hold", "Train it again: its training diverged.");
        }

        manifest = manifest with { SelfTest = golden };
        model.MetadataProps.Add(new StringStringEntryProto { Key = ModelManifest.MetadataKey, Value = JsonSerializer.Serialize(manifest, ManifestJson.Default.ModelManifest) });
        CheckSize(model.CalculateSize());
        var bytes = model.ToByteArray();
        var file = ModelFile.Parse(Output, bytes); // what is written is what the engine reads
        var proof = Prove(trained, file, ProofScan, "Nothing was written. Please report this with the network.", cancellation);
        if (Path.GetDirectoryName(Path.GetFullPath(Output)) is { } folder)
        {
            Directory.CreateDirectory(folder);
        }

        OutputFile.Write(Output, stream => stream.Write(bytes));
        return new(Output, bytes.Length, file.Sha256, proof, members.Count, []);
    }

    /// <summary>Compares a file with a network.</summary>
    /// <exception cref="ModelFileException">They differ by more than the tolerance of the file's precision.</exception>
    public static ProofResult Prove(IReadOnlyList<Network> trained, ModelFile file, IReadOnlyList<string> scan, string remedy, CancellationToken cancellation)
    {
        var channels = file.Manifest.Channels;
        if (scan.Count > 0 && scan.Count != channels.Count)
        {
            throw new InvalidScanException(scan[0], $"{scan.Count} scans for the proof", $"{channels.Count}: {string.Join(", ", channels.Select(c => c.Name))}",
                "Give one scan a channel, in this order, or none.");
        }

        var proof = ExportProof.Run(trained, file, [.. scan.Select(VolumeFile.Read)], cancellation);
        var tolerance = ExportProof.Tolerance(file.Manifest.Precision);
        return proof.MaximumError <= tolerance ? proof : throw new ModelFileException(file.Path,
            FormattableString.Invariant($"an output that differs from the trained network by {proof.MaximumError:G3} at {proof.Where}"),
            FormattableString.Invariant($"at most {tolerance:G1}, of a probability or of a logit relative to the largest"), remedy);
    }

    private void CheckSize(long bytes)
    {
        if (bytes > LargestFile)
        {
            throw new ModelFileException(Output, $"a model of {bytes} bytes", $"at most {LargestFile}, the limit of one ONNX file", "Store its weights in float16 (--precision float16-weights), train a narrower network (--width), or join fewer.");
        }
    }
}
