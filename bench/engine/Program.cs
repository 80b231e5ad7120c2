using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Credence.Exporter;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.Inference.Windows;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Layers;
using TorchSharp;

// One job a process, so that peak memory is that of the job. Each prints one JSON line.
return args switch
{
    ["make", var kind, var patch, var crop, var scan, var output] => Make(kind, Number(patch), Enum.Parse<Region>(crop), NiftiFile.Read(scan), output),
    ["ours", var model, var scan, var samples, var batch, var tolerance, var threads] => Ours(
        model, NiftiFile.Read(scan), new() { Samples = Number(samples), BatchSize = Number(batch), Tolerance = tolerance == "none" ? null : double.Parse(tolerance, CultureInfo.InvariantCulture) }, Number(threads)),
    ["cube", var model, var edge, var samples, var threads] => Ours(model, Cube(Number(edge)), new() { Samples = Number(samples) }, Number(threads)),
    ["naive", var model, var scan, var samples, var threads] => Naive(model, NiftiFile.Read(scan), Number(samples), Number(threads)),
    ["forward", var model, var rounds, var threads] => Forward(model, Number(rounds), Number(threads)),
    ["gemm", var edge, var rounds, var threads] => Gemm(Number(edge), Number(rounds), Number(threads)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("engine-bench make plain|output|last-stage|all <patch> Whole|NonZero <scan> <model.onnx> | ours <model> <scan> <samples> <batch> <tolerance>|none <threads> "
        + "| cube <model> <edge> <samples> <threads> | naive <model> <scan> <samples> <threads> | forward <model> <rounds> <threads> | gemm <edge> <rounds> <threads>");
    return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

// An untrained U-Net of width 16 with five levels, as the exporter writes it: what it says is noise, what it costs is what a trained one costs, which finds
// lesions in one voxel of a hundred of the scan.
static int Make(string kind, int patch, Region crop, Volume scan, string output)
{
    var options = new NetworkOptions { InputChannels = 1, Classes = 2, Width = 16, Strides = [[2, 2, 2], [2, 2, 2], [2, 2, 2], [2, 2, 2]] };
    options = kind switch
    {
        "plain" => options,
        "output" => options with { Posterior = Posterior.MeanField, BayesianStages = BayesianStages.OutputLayer },
        "last-stage" => options with { Posterior = Posterior.MeanField, BayesianStages = BayesianStages.LastStage },
        "all" => options with { Posterior = Posterior.MeanField },
        _ => throw new ArgumentException($"no such kind: {kind}"),
    };
    var manifest = new ModelManifest
    {
        Name = kind,
        Channels = [new("FLAIR")],
        Classes = [new(0, "background"), new(1, "lesion")],
        Spacing = new(1, 1, 1),
        Crop = crop,
        Normalisation = new(NormalisationKind.ZScore) { Region = Region.NonZero },
        PatchSize = new(patch, patch, patch),
        Stride = new(16, 16, 16),
        Posterior = PosteriorKind.Plain, // the exporter takes it from the network
        Fingerprint = new()
        {
            Cases = 1,
            SpacingMinimum = new(1, 1, 1),
            SpacingMedian = new(1, 1, 1),
            SpacingMaximum = new(1, 1, 1),
            SizeMedian = new(patch, patch, patch),
            Channels = [new(0, 1, 2, 1, 1, 1)],
            ClassFractions = [0.9, 0.1],
        },
        Provenance = new() { TrainedBy = "bench", TrainedAt = "2026-01-01T00:00:00Z", DataHash = "", Seed = 1, Steps = 0, Objective = "none", ExamplesPerEpoch = 1 },
    };
    using var generator = new torch.Generator(1);
    using var network = Network.Build(options, generator);
    FindLesionsIn(0.01, network, Preprocessing.Prepare([scan], manifest.Preprocessing), patch);
    var checkpoint = output + ".safetensors";
    Checkpoint.Save(checkpoint, network, new Dictionary<string, torch.Tensor>(), new Dictionary<string, string> { [ModelManifest.MetadataKey] = JsonSerializer.Serialize(manifest, ManifestJson.Default.ModelManifest) });
    var result = OnnxExport.Export(new() { Runs = [checkpoint], Output = output });
    File.Delete(checkpoint);
    return Print(new() { ["kind"] = kind, ["parameters"] = network.parameters().Sum(p => p.numel()), ["bytes"] = result.Bytes, ["gigaflops"] = 2e-9 * MultiplyAdds(network, patch) });
}

// Moves the bias of the output so that a share of the voxels in the middle of a case is foreground.
static void FindLesionsIn(double share, Network network, PreparedVolume prepared, int patch)
{
    var size = prepared.Geometry.Size;
    using var scope = torch.NewDisposeScope();
    using var noGradient = torch.no_grad();
    var image = torch.tensor(prepared.Voxels, [1, 1, size.Depth, size.Height, size.Width]);
    foreach (var (axis, edge) in new[] { (2, size.Depth), (3, size.Height), (4, size.Width) })
    {
        image = image.narrow(axis, (edge - patch) / 2, patch);
    }

    var logits = network.forward(image);
    var threshold = (logits.select(1, 1) - logits.select(1, 0)).flatten().sort().Values[(long)((1 - share) * patch * patch * patch)];
    var bias = network.Nodes.Select(n => n.Layer).OfType<IWeightedLayer>().Last().Bias;
    bias.select(0, 1).sub_(threshold);
}

// Multiplications with an addition in the convolutions of one patch.
static long MultiplyAdds(Network network, int patch)
{
    var (edges, sum) = (new long[network.Nodes.Count], 0L);
    for (var n = 0; n < edges.Length; n++)
    {
        var node = network.Nodes[n];
        var edge = node.Inputs[0] == Network.Image ? patch : edges[node.Inputs[0]];
        (edges[n], var applied) = node.Layer switch
        {
            Convolution c => (edge / c.Stride[0], edge / c.Stride[0]),
            TransposedConvolution t => (edge * t.Stride[0], edge),
            _ => (edge, 0),
        };
        sum += applied * applied * applied * (node.Layer as IWeightedLayer)?.Weight switch
        {
            PointWeight w => w.Value.numel(),
            GaussianWeight w => w.Mean.numel(),
            _ => 0,
        };
    }

    return sum;
}

// A cube of noise: every patch holds tissue.
static Volume Cube(int edge)
{
    var random = new Random(1);
    var voxels = new float[edge * edge * edge];
    for (var v = 0; v < voxels.Length; v++)
    {
        voxels[v] = 1 + random.NextSingle();
    }

    return new(new(new(edge, edge, edge), Affine.Identity), voxels);
}

static int Ours(string path, Volume scan, PredictOptions options, int threads)
{
    var model = ModelFile.Load(path);
    using var network = new OnnxNetwork(model, threads);
    var timed = new TimedNetwork(network);
    var start = Stopwatch.GetTimestamp();
    var prepared = Preprocessing.Prepare([scan], model.Manifest.Preprocessing);
    var prediction = VolumePredictor.Predict(prepared, timed, model.Manifest, options, TimeProvider.System, null, CancellationToken.None);
    var seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
    return Print(new()
    {
        ["seconds"] = seconds,
        ["samples"] = prediction.Samples,
        ["trunkSeconds"] = timed.Trunk.TotalSeconds,
        ["headSeconds"] = timed.Head.TotalSeconds,
        ["wholeSeconds"] = timed.Whole.TotalSeconds,
        ["outsideShare"] = 1 - (timed.Trunk + timed.Head + timed.Whole).TotalSeconds / seconds,
        ["patches"] = prediction.Patches,
        ["emptyPatches"] = prediction.EmptyPatches,
        ["shared"] = prediction.Shared.ToString(),
        ["voxels"] = prepared.Geometry.Size.Count,
    });
}

// The same model without thought: every patch, one at a time, the whole network in every sample; blended and averaged by the same code.
static int Naive(string path, Volume scan, int samples, int threads)
{
    var model = ModelFile.Load(path);
    var (patch, classes) = (model.Manifest.PatchSize, model.Manifest.Classes.Count);
    using var network = new OnnxNetwork(model, threads);
    var times = new JsonArray();
    // The first voxel differs from all others, so that no patch is left out.
    var voxels = (float[])scan.Voxels.Clone();
    voxels[0] = -1;
    var window = new SlidingWindow(voxels, scan.Geometry.Size, patch, channels: 1, model.Manifest.Overlap, batchSize: 1);
    var statistics = new SampleStatistics(classes, (int)scan.Geometry.Size.Count);
    var logits = new float[classes * patch.Count];
    network.Run(window.Extract(0), 1, patch, null, logits); // loads the uncut graph, which is no part of a sample
    for (var sample = 0; sample < samples; sample++)
    {
        var start = Stopwatch.GetTimestamp();
        var noise = model.Manifest.IsSampled ? NoiseSample.Draw(model.Manifest, 1, sample) : null;
        var sum = new float[classes * scan.Geometry.Size.Count];
        for (var n = 0; n < window.BatchCount; n++)
        {
            network.Run(window.Extract(n), 1, patch, noise, logits);
            window.Add(n, logits, classes, sum);
        }

        window.Divide(sum, classes);
        statistics.Add(sum, 1);
        times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    return Print(new() { ["secondsBySample"] = times, ["patches"] = window.PatchCount });
}

// One patch, again and again.
static int Forward(string path, int rounds, int threads)
{
    var model = ModelFile.Load(path);
    var (patch, classes) = (model.Manifest.PatchSize, model.Manifest.Classes.Count);
    using var network = new OnnxNetwork(model, threads);
    var (voxels, logits, best) = (Cube(patch.Width).Voxels, new float[classes * patch.Count], double.PositiveInfinity);
    for (var n = 0; n <= rounds; n++)
    {
        var start = Stopwatch.GetTimestamp();
        network.Run(voxels, 1, patch, null, logits);
        best = n == 0 ? best : Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    return Print(new() { ["seconds"] = best });
}

// What the processors can do: the product of two square matrices in libtorch.
static int Gemm(int edge, int rounds, int threads)
{
    TorchRuntime.Load();
    torch.set_num_threads(threads);
    using var a = torch.rand(edge, edge);
    using var b = torch.rand(edge, edge);
    var best = double.PositiveInfinity;
    for (var n = 0; n <= rounds; n++)
    {
        var start = Stopwatch.GetTimestamp();
        using var product = torch.mm(a, b);
        best = n == 0 ? best : Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    return Print(new() { ["gigaflopsPerSecond"] = 2e-9 * edge * edge * edge / best });
}

static int Print(JsonObject values)
{
    using var process = Process.GetCurrentProcess();
    values["peakMB"] = process.PeakWorkingSet64 / 1e6;
    Console.WriteLine(values.ToJsonString());
    return 0;
}

/// <summary>Adds up the time inside ONNX Runtime.</summary>
internal sealed class TimedNetwork(OnnxNetwork network) : ISharedTrunkNetwork
{
    public TimeSpan Trunk { get; private set; }

    public TimeSpan Head { get; private set; }

    public TimeSpan Whole { get; private set; }

    public bool HasSharedTrunk => network.HasSharedTrunk;

    public bool IsHeadLinear => network.IsHeadLinear;

    public void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits, CancellationToken cancellation = default)
    {
        var start = Stopwatch.GetTimestamp();
        network.Run(patches, batch, size, noise, logits, cancellation);
        Whole += Stopwatch.GetElapsedTime(start);
    }

    public ISharedFeatures ComputeTrunk(ReadOnlySpan<float> patches, int batch, Size3 size, CancellationToken cancellation = default)
    {
        var start = Stopwatch.GetTimestamp();
        var features = network.ComputeTrunk(patches, batch, size, cancellation);
        Trunk += Stopwatch.GetElapsedTime(start);
        return features;
    }

    public void ComputeHead(ISharedFeatures features, NoiseSample noise, Span<float> logits, CancellationToken cancellation = default)
    {
        var start = Stopwatch.GetTimestamp();
        network.ComputeHead(features, noise, logits, cancellation);
        Head += Stopwatch.GetElapsedTime(start);
    }

    public ISharedFeatures Hold(float[] features, int channels, Size3 size) => network.Hold(features, channels, size);
}
