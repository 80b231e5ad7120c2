using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Trainer.Datasets;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>A trained network of a run, ready to predict with the code of deployment.</summary>
internal sealed class TrainedMember : IDisposable
{
    private readonly IPatchNetwork patches;

    private TrainedMember(Network network, ModelManifest manifest, Device device) =>
        (Network, Manifest, patches) = (network, manifest, new TorchPatchNetwork(network, device));

    /// <summary>The network; owned.</summary>
    public Network Network { get; }

    /// <summary>The recipe that the model file would carry.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>Loads a checkpoint of a run; the last where there is no best.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="choice">Which weights.</param>
    /// <param name="device">Where they predict.</param>
    /// <param name="calibration">Takes the place of the one in the checkpoint; null keeps that.</param>
    /// <exception cref="ModelFileException">There is none, or it cannot be used.</exception>
    public static TrainedMember Load(string run, CheckpointChoice choice, Device device, CalibrationDescription? calibration = null)
    {
        var folder = new RunFolder(run);
        var path = choice == CheckpointChoice.Best && File.Exists(folder.BestCheckpoint) ? folder.BestCheckpoint : folder.LastCheckpoint;
        if (!File.Exists(path))
        {
            throw new ModelFileException(run, choice == CheckpointChoice.Best ? "no best.safetensors and no last.safetensors" : "no last.safetensors", "the folder of a run", "Train first, with `credence-train fit --out`.");
        }

        try
        {
            using var checkpoint = Checkpoint.Load(path);
            var manifest = checkpoint.Metadata.TryGetValue(ModelManifest.MetadataKey, out var text)
                ? JsonSerializer.Deserialize(text, ManifestJson.Default.ModelManifest) : null;
            if (manifest is null)
            {
                throw new ModelFileException(path, $"no metadata \"{ModelManifest.MetadataKey}\"", "a checkpoint of credence-train", "Train the run again.");
            }

            var network = checkpoint.BuildNetwork();
            network.to(device);
            return new(network, manifest with
            {
                Calibration = calibration ?? manifest.Calibration,
                NoiseInputs =
                [
                    .. network.NoiseInputs.Select(n => new NoiseInput(
                        n.Name, n.DropProbability is null ? NoiseDistribution.Gaussian : NoiseDistribution.Bernoulli, n.Shape, n.DropProbability ?? 0)),
                ],
            }, device);
        }
        catch (CheckpointException e)
        {
            throw new ModelFileException(e.Path, e.Found, e.Expected, e.Remedy, e);
        }
        catch (JsonException e)
        {
            throw new ModelFileException(path, $"a manifest that cannot be read ({e.Message})", "a checkpoint of this version of credence-train", "Train the run again.", e);
        }
    }

    /// <summary>Predicts a case.</summary>
    public Prediction Predict(LoadedCase @case, PredictOptions options, CancellationToken cancellation) => VolumePredictor.Predict(
        Preprocessing.Prepare(@case.Channels, Manifest.Preprocessing), patches, Manifest, options, TimeProvider.System, null, cancellation);

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();
}
