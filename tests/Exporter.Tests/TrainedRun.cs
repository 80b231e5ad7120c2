using System.Text.Json;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Checkpoints;

namespace Credence.Exporter.Tests;

/// <summary>A run folder with a checkpoint of an untrained network, its weights moved so that nothing is at its initial value.</summary>
internal sealed class TrainedRun : IDisposable
{
    public TrainedRun(NetworkOptions options, Func<ModelManifest, ModelManifest>? change = null, bool hasManifest = true, Action<Network>? weights = null, ulong seed = 4)
    {
        Folder = Directory.CreateTempSubdirectory("credence-").FullName;
        using var generator = new torch.Generator(seed);
        Network = Network.Build(options, generator);
        using (FinalizerPause.Begin()) // docs/decisions/0003-finalizers-wait-for-libtorch.md
        using (torch.no_grad())
        {
            foreach (var parameter in Network.parameters())
            {
                using var noise = torch.randn(parameter.shape, generator: generator);
                parameter.add_(noise, 0.02);
            }

            weights?.Invoke(Network);

            foreach (var (name, buffer) in Network.named_buffers().Where(b => b.name.Contains("running", StringComparison.Ordinal)))
            {
                using var noise = torch.rand(buffer.shape, generator: generator); // a variance is positive
                buffer.add_(noise);
            }
        }

        var stride = options.Strides.Aggregate(new long[] { 1, 1, 1 }, (p, s) => [p[0] * s[0], p[1] * s[1], p[2] * s[2]]);
        var manifest = Draft(options, stride, seed);
        Checkpoint.Save(Checkpoints, Network, new Dictionary<string, torch.Tensor>(), hasManifest
            ? new Dictionary<string, string> { [ModelManifest.MetadataKey] = JsonSerializer.Serialize(change is null ? manifest : change(manifest), ManifestJson.Default.ModelManifest) }
            : []);
    }

    public string Folder { get; }

    public Network Network { get; }

    public string Checkpoints => Path.Combine(Folder, "best.safetensors");

    public string Output => Path.Combine(Folder, "model.onnx");

    public ExportOptions Options => new() { Runs = [Folder], Output = Output };

    public void Dispose()
    {
        Network.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private static ModelManifest Draft(NetworkOptions options, long[] stride, ulong seed) => new()
    {
        Name = "test",
        Channels = [.. Enumerable.Range(0, options.InputChannels).Select(c => new ChannelDescription($"channel{c}"))],
        Classes = [.. Enumerable.Range(0, options.Classes).Select(c => new ClassDescription((byte)c, c == 0 ? "background" : $"class{c}"))],
        Spacing = new(1, 1, 1),
        Normalisation = new(NormalisationKind.ZScore),
        Stride = new((int)stride[2], (int)stride[1], (int)stride[0]),
        PatchSize = new((int)stride[2] * 3, (int)stride[1] * 4, (int)stride[0] * 5),
        Posterior = PosteriorKind.Plain, // the exporter takes it from the network
        Fingerprint = new()
        {
            Cases = 1,
            SpacingMinimum = new(1, 1, 1),
            SpacingMedian = new(1, 1, 1),
            SpacingMaximum = new(1, 1, 1),
            SizeMedian = new(10, 10, 10),
            Channels = [.. Enumerable.Repeat(new ChannelFingerprint(0, 1, 2, 1, 1, 1), options.InputChannels)],
            ClassFractions = [0.9, 0.1],
        },
        Provenance = new() { TrainedBy = "test", TrainedAt = "2026-01-01T00:00:00Z", DataHash = "", Seed = seed, Steps = 100, Objective = "none", ExamplesPerEpoch = 1 },
    };
}
