using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;

namespace Credence.Exporter;

/// <summary>What to export.</summary>
public sealed record ExportOptions
{
    /// <summary>A run folder (its best checkpoint is taken, or the last where there is no best), or a checkpoint file.</summary>
    public required string Run { get; init; }

    /// <summary>The model file to write.</summary>
    public required string Output { get; init; }

    /// <summary>A real case for the proof: one NIfTI file or DICOM folder a channel. Empty proves on random patches only.</summary>
    public IReadOnlyList<string> ProofScan { get; init; } = [];

    /// <summary>A <c>calibration.json</c> of <c>credence-train tune</c>; null keeps the calibration of the checkpoint.</summary>
    public string? Calibration { get; init; }

    /// <summary>Number format of weights and convolutions.</summary>
    public WeightPrecision Precision { get; init; } = WeightPrecision.Float32;

    /// <summary>Most bytes of a file: protobuf's own limit.</summary>
    internal long LargestFile { get; init; } = int.MaxValue;
}

/// <summary>What was exported.</summary>
/// <param name="Output">The model file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash.</param>
/// <param name="Proof">How far it is from the trained network.</param>
public sealed record ExportResult(string Output, long Bytes, string Sha256, ProofResult Proof);

/// <summary>Turns a checkpoint into a model file. Nothing is written under the final name before the proof has passed.</summary>
public static class OnnxExport
{
    /// <summary>Exports.</summary>
    /// <exception cref="ModelFileException">The checkpoint cannot be used, or the file differs from the trained network.</exception>
    /// <exception cref="InputException">The case of the proof cannot be used.</exception>
    public static ExportResult Export(ExportOptions options)
    {
        try
        {
            using var checkpoint = Checkpoint.Load(Find(options.Run));
            using var network = checkpoint.BuildNetwork();
            return Export(network, checkpoint, options);
        }
        catch (CheckpointException e)
        {
            throw new ModelFileException(e.Path, e.Found, e.Expected, e.Remedy, e);
        }
    }

    /// <summary>Exports the weights of <paramref name="checkpoint"/>, proved against <paramref name="trained"/>.</summary>
    internal static ExportResult Export(Network trained, Checkpoint checkpoint, ExportOptions options)
    {
        using var network = checkpoint.BuildNetwork();
        if (network.Options.Kind != NetworkKind.UNet)
        {
            throw new ModelFileException(checkpoint.Path, $"a network of kind {network.Options.Kind}", $"a segmentation network ({NetworkKind.UNet}), the kind that the engine runs",
                "Use the classifier through Credence.Models.");
        }

        var manifest = Complete(checkpoint, network);
        if (options.Calibration is { } calibration)
        {
            manifest = manifest with { Calibration = TunedCalibration.Read(calibration).For(calibration, manifest) };
        }

        return new ModelFileWriter { Output = options.Output, Source = checkpoint.Path, Precision = options.Precision, ProofScan = options.ProofScan, LargestFile = options.LargestFile }
            .Write(trained, network, manifest);
    }

    /// <summary>Repeats the proof on a model file that lies there: its golden numbers, and the network that it was made of.</summary>
    /// <param name="path">The model file.</param>
    /// <param name="run">As <see cref="ExportOptions.Run"/>; null compares with the golden numbers alone.</param>
    /// <param name="scan">As <see cref="ExportOptions.ProofScan"/>.</param>
    /// <returns>The largest difference from the golden numbers, as a share of the largest of them (at least 1), and the proof; null without a run.</returns>
    /// <exception cref="ModelFileException">A file cannot be used, is of another network, or differs by more than the tolerance.</exception>
    /// <exception cref="InputException">The case of the proof cannot be used.</exception>
    public static (double GoldenDifference, ProofResult? Proof) Verify(string path, string? run, IReadOnlyList<string> scan)
    {
        var file = ModelFile.Load(path);
        using var segmenter = LesionSegmenter.Load(path);
        var golden = segmenter.SelfTest();
        if (run is null)
        {
            return (golden, null);
        }

        try
        {
            using var checkpoint = Checkpoint.Load(Find(run));
            using var network = checkpoint.BuildNetwork();
            var manifest = Complete(checkpoint, network);
            if (manifest.Channels.Count != file.Manifest.Channels.Count || manifest.Classes.Count != file.Manifest.Classes.Count
                || !manifest.NoiseInputs.Select(n => n.Name).SequenceEqual(file.Manifest.NoiseInputs.Select(n => n.Name)))
            {
                throw new ModelFileException(path, $"{file.Manifest.Channels.Count} channels, {file.Manifest.Classes.Count} classes, {file.Manifest.NoiseInputs.Count} noise inputs",
                    $"{manifest.Channels.Count}, {manifest.Classes.Count} and {manifest.NoiseInputs.Count}, as {checkpoint.Path} has", "Give the run that the file was made of.");
            }

            return (golden, ModelFileWriter.Prove(network, file, scan, "The file was made of another run, or it or the run was changed since. Export it again."));
        }
        catch (CheckpointException e)
        {
            throw new ModelFileException(e.Path, e.Found, e.Expected, e.Remedy, e);
        }
    }

    private static string Find(string run)
    {
        if (File.Exists(run))
        {
            return run;
        }

        string[] candidates = [Path.Combine(run, "best.safetensors"), Path.Combine(run, "last.safetensors")];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new ModelFileException(run, "no best.safetensors and no last.safetensors", "the folder of a run, or a checkpoint", "Train first, with `credence-train fit --out`.");
    }

    private static ModelManifest Complete(Checkpoint checkpoint, Network network)
    {
        ModelFileException Wrong(string found, string expected, Exception? inner = null) =>
            new(checkpoint.Path, found, expected, "Use a checkpoint written by this version of credence-train.", inner);

        if (!checkpoint.Metadata.TryGetValue(ModelManifest.MetadataKey, out var text))
        {
            throw Wrong($"no metadata \"{ModelManifest.MetadataKey}\"", "the manifest that the trainer writes");
        }

        ModelManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(text, ManifestJson.Default.ModelManifest) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw Wrong($"a manifest that cannot be read ({e.Message})", "the manifest that the trainer writes", e);
        }

        if (manifest.Channels.Count != network.Options.InputChannels || manifest.Classes.Count != network.Options.Classes)
        {
            throw Wrong($"a manifest with {manifest.Channels.Count} channels and {manifest.Classes.Count} classes",
                $"{network.Options.InputChannels} and {network.Options.Classes} as in the network");
        }

        return WithNetwork(manifest, network);
    }

    /// <summary>The manifest with what a network says of itself.</summary>
    internal static ModelManifest WithNetwork(ModelManifest manifest, Network network) => manifest with
    {
        Posterior = Enum.Parse<PosteriorKind>(network.Options.Posterior.ToString()),
        NoiseInputs =
        [
            .. network.NoiseInputs.Select(n => new NoiseInput(
                n.Name, n.DropProbability is null ? NoiseDistribution.Gaussian : NoiseDistribution.Bernoulli, n.Shape, n.DropProbability ?? 0)),
        ],
        CutTensor = network.Cut?.Name,
    };
}
