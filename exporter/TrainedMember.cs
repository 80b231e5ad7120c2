using System.Security.Cryptography;
using System.Text.Json;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;

namespace Credence.Exporter;

/// <summary>A trained network of a model file: the only one, or a member of an ensemble.</summary>
/// <param name="Path">Its checkpoint.</param>
/// <param name="Network">On the CPU; owned.</param>
/// <param name="Manifest">That of the checkpoint, with what depends on the network.</param>
internal sealed record TrainedMember(string Path, Network Network, ModelManifest Manifest) : IDisposable
{
    /// <summary>Loads checkpoints.</summary>
    /// <param name="checkpoints">Their files.</param>
    /// <returns>The caller disposes them.</returns>
    /// <exception cref="ModelFileException">A checkpoint cannot be used.</exception>
    public static IReadOnlyList<TrainedMember> Load(IReadOnlyList<string> checkpoints)
    {
        var members = new List<TrainedMember>();
        try
        {
            foreach (var path in checkpoints)
            {
                using var checkpoint = Checkpoint.Load(path);
                members.Add(Of(checkpoint));
            }

            return members;
        }
        catch (Exception e)
        {
            members.ForEach(m => m.Dispose());
            throw e is CheckpointException c ? new ModelFileException(c.Path, c.Found, c.Expected, c.Remedy, c) : e;
        }
    }

    /// <summary>Name of the checkpoint in the provenance of an ensemble: run folder and file.</summary>
    public string Name => string.Join('/', System.IO.Path.GetFullPath(Path).Split(System.IO.Path.DirectorySeparatorChar)[^2..]);

    /// <summary>SHA-256 of the checkpoint, lower-case hexadecimal.</summary>
    public string Sha256()
    {
        using var stream = File.OpenRead(Path);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();

    private static TrainedMember Of(Checkpoint checkpoint)
    {
        var network = checkpoint.BuildNetwork();
        try
        {
            return network.Options.Kind == NetworkKind.UNet ? new(checkpoint.Path, network, Complete(checkpoint, network))
                : throw new ModelFileException(checkpoint.Path, $"a network of kind {network.Options.Kind}", $"a segmentation network ({NetworkKind.UNet}), the kind that the engine runs",
                    "Use the classifier through Credence.Models.");
        }
        catch
        {
            network.Dispose();
            throw;
        }
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

    /// <summary>A manifest with what a network says of itself.</summary>
    public static ModelManifest WithNetwork(ModelManifest manifest, Network network) => manifest with
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
