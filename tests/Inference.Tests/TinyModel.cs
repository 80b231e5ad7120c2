using System.Runtime.InteropServices;
using System.Text.Json;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Google.Protobuf;

namespace Credence.Inference.Tests;

/// <summary>A model file of one 3 x 3 x 3 convolution with Gaussian weights, written without the exporter.</summary>
internal static class TinyModel
{
    public const int Kernel = 27;

    private const ulong GoldenSeed = 3;
    private const int GoldenSample = 1;

    public static readonly float[] Mean = [.. Enumerable.Range(0, 2 * Kernel).Select(n => 0.05f * MathF.Sin(n) + (n == Kernel + 13 ? 1.2f : 0))];
    public static readonly float[] Sigma = [.. Enumerable.Range(0, 2 * Kernel).Select(n => 0.02f + 0.01f * MathF.Cos(n))];
    public static readonly float[] Bias = [0.3f, -0.4f];

    public static ModelManifest Manifest { get; } = new()
    {
        Name = "tiny",
        Channels = [new("FLAIR")],
        Classes = [new(0, "background"), new(7, "lesion")],
        Spacing = new(1, 1, 2),
        Normalisation = new(NormalisationKind.ZScore),
        PatchSize = new(8, 6, 4),
        Stride = new(2, 2, 2),
        Posterior = PosteriorKind.MeanField,
        NoiseInputs = [new("noise/conv", NoiseDistribution.Gaussian, [2, 1, 3, 3, 3])],
        SelfTest = Golden(),
        Fingerprint = new()
        {
            Cases = 1,
            SpacingMinimum = new(1, 1, 2),
            SpacingMedian = new(1, 1, 2),
            SpacingMaximum = new(1, 1, 2),
            SizeMedian = new(10, 10, 10),
            Channels = [new(0, 1, 2, 1, 1, 1)],
            ClassFractions = [0.9, 0.1],
        },
        Provenance = new() { TrainedBy = "test", TrainedAt = "2026-01-01T00:00:00Z", DataHash = "", Seed = 1, Steps = 0, Objective = "none", ExamplesPerEpoch = 1 },
    };

    private static SelfTestDescription Golden()
    {
        var noise = NoiseSample.Draw([new("noise/conv", NoiseDistribution.Gaussian, [2, 1, 3, 3, 3])], GoldenSeed, GoldenSample).Tensors[0];
        return Golden(Mean, [.. Mean.Select((m, w) => m + Sigma[w] * noise[w])]);
    }

    /// <summary>The convolution written out: every logit of a patch of 2 x 2 x 2, where the kernel reaches every voxel from every other.</summary>
    private static SelfTestDescription Golden(float[] defaults, float[] sampled)
    {
        var test = new SelfTestDescription { Seed = GoldenSeed, PatchSize = new(2, 2, 2), Sample = GoldenSample, Positions = [.. Enumerable.Range(0, 16)], DefaultLogits = [], SampledLogits = [], Tolerance = 1e-4 };
        var patch = test.DrawPatch(1);
        float Logit(int position, float[] weights)
        {
            var (k, to) = (position / 8, position % 8);
            var sum = Bias[k];
            for (var from = 0; from < 8; from++)
            {
                var weight = k * Kernel + ((from >> 2) - (to >> 2) + 1) * 9 + ((from >> 1 & 1) - (to >> 1 & 1) + 1) * 3 + (from & 1) - (to & 1) + 1;
                sum += patch[from] * weights[weight];
            }

            return sum;
        }

        return test with { DefaultLogits = [.. test.Positions.Select(p => Logit(p, defaults))], SampledLogits = [.. test.Positions.Select(p => Logit(p, sampled))] };
    }

    public static byte[] Bytes(Func<ModelManifest, ModelManifest>? change = null, string? manifestText = null)
    {
        var graph = new GraphProto
        {
            Name = "tiny",
            Input = { Value("image", "N", 1, "D", "H", "W"), Value("noise/conv", 2, 1, 3, 3, 3) },
            Output = { Value("logits", "N", 2, "D", "H", "W") },
            Initializer = { Tensor("mean", Mean, 2, 1, 3, 3, 3), Tensor("sigma", Sigma, 2, 1, 3, 3, 3), Tensor("bias", Bias, 2), Tensor("noise/conv", new float[2 * Kernel], 2, 1, 3, 3, 3) },
            Node =
            {
                new NodeProto { OpType = "Mul", Input = { "sigma", "noise/conv" }, Output = { "deviation" } },
                new NodeProto { OpType = "Add", Input = { "mean", "deviation" }, Output = { "weight" } },
                new NodeProto
                {
                    OpType = "Conv", Input = { "image", "weight", "bias" }, Output = { "logits" },
                    Attribute = { new AttributeProto { Name = "pads", Type = AttributeProto.Types.AttributeType.Ints, Ints = { 1, 1, 1, 1, 1, 1 } } },
                },
            },
        };
        var manifest = change is null ? Manifest : change(Manifest);
        return Bytes(graph, manifestText ?? JsonSerializer.Serialize(manifest, ManifestJson.Default.ModelManifest));
    }

    /// <summary>Weights of a member: those of <see cref="Mean"/>, sharper with each member.</summary>
    public static float[] MemberWeights(int member) => [.. Mean.Select(w => w * (1 + 0.8f * member))];

    /// <summary>A plain convolution, or an ensemble of several.</summary>
    /// <param name="members">Weights of each, (2, 1, 3, 3, 3).</param>
    public static byte[] Plain(params float[][] members)
    {
        var isEnsemble = members.Length > 1;
        var graph = new GraphProto
        {
            Name = "tiny",
            Input = { Value("image", "N", 1, "D", "H", "W") },
            Output = { Value("logits", "N", 2, "D", "H", "W") },
            Initializer = { Tensor("bias", Bias, 2) },
            Node =
            {
                new NodeProto
                {
                    OpType = "Conv", Input = { "image", "weight", "bias" }, Output = { "logits" },
                    Attribute = { new AttributeProto { Name = "pads", Type = AttributeProto.Types.AttributeType.Ints, Ints = { 1, 1, 1, 1, 1, 1 } } },
                },
            },
        };
        if (isEnsemble)
        {
            graph.Input.Add(new ValueInfoProto { Name = "member", Type = new() { TensorType = new() { ElemType = 7, Shape = new() } } });
            graph.Initializer.Add(new TensorProto { Name = "member", DataType = 7, RawData = ByteString.CopyFrom(new byte[8]) });
            graph.Initializer.Add(Tensor("weights", [.. members.SelectMany(m => m)], members.Length, 2, 1, 3, 3, 3));
            graph.Node.Insert(0, new NodeProto { OpType = "Gather", Input = { "weights", "member" }, Output = { "weight" } });
        }
        else
        {
            graph.Initializer.Add(Tensor("weight", members[0], 2, 1, 3, 3, 3));
        }

        return Bytes(graph, JsonSerializer.Serialize(Manifest with
        {
            Posterior = isEnsemble ? PosteriorKind.Ensemble : PosteriorKind.Plain,
            Members = members.Length,
            NoiseInputs = [],
            SelfTest = Golden(members[0], members[GoldenSample % members.Length]),
        }, ManifestJson.Default.ModelManifest));
    }

    /// <summary>A chain of convolutions of 8 channels over patches of 64 x 64 x 64, one run of which takes a while.</summary>
    /// <param name="layers">Convolutions.</param>
    /// <param name="isSampled">Whether channels are dropped before the last of them: the others are the trunk.</param>
    public static byte[] Deep(int layers, bool isSampled = false)
    {
        const int Width = 8;
        NoiseInput[] noise = isSampled ? [new("mask/last", NoiseDistribution.Bernoulli, [1, Width, 1, 1, 1], 0.2)] : [];
        var graph = new GraphProto { Name = "deep", Input = { Value("image", "N", 1, "D", "H", "W") }, Output = { Value("logits", "N", 2, "D", "H", "W") } };
        if (isSampled)
        {
            graph.Input.Add(Value("mask/last", 1, Width, 1, 1, 1));
            graph.Initializer.Add(Tensor("mask/last", [.. Enumerable.Repeat(1f, Width)], 1, Width, 1, 1, 1));
        }

        for (var n = 0; n < layers; n++)
        {
            var (from, to, input) = (n == 0 ? 1 : Width, n == layers - 1 ? 2 : Width, n == 0 ? "image" : $"layer{n - 1}");
            graph.Initializer.Add(Tensor($"weight{n}", [.. Enumerable.Range(0, to * from * Kernel).Select(w => 0.1f * MathF.Sin(w + n))], to, from, 3, 3, 3));
            if (isSampled && n == layers - 1)
            {
                graph.Node.Add(new NodeProto { OpType = "Mul", Input = { input, "mask/last" }, Output = { "dropped" } });
                input = "dropped";
            }

            graph.Node.Add(new NodeProto
            {
                OpType = "Conv",
                Input = { input, $"weight{n}" },
                Output = { n == layers - 1 ? "logits" : $"layer{n}" },
                Attribute = { new AttributeProto { Name = "pads", Type = AttributeProto.Types.AttributeType.Ints, Ints = { 1, 1, 1, 1, 1, 1 } } },
            });
        }

        return Bytes(graph, JsonSerializer.Serialize(Manifest with { Posterior = isSampled ? PosteriorKind.ChannelDropout : PosteriorKind.Plain, NoiseInputs = noise, PatchSize = new(64, 64, 64) }, ManifestJson.Default.ModelManifest));
    }

    public static ModelFile Model(Func<ModelManifest, ModelManifest>? change = null) => ModelFile.Parse("tiny.onnx", Bytes(change));

    private static byte[] Bytes(GraphProto graph, string manifest) => new ModelProto
    {
        IrVersion = 8,
        Graph = graph,
        OpsetImport = { new OperatorSetIdProto { Version = 17 } },
        MetadataProps = { new StringStringEntryProto { Key = ModelManifest.MetadataKey, Value = manifest } },
    }.ToByteArray();

    private static TensorProto Tensor(string name, float[] values, params long[] dims) =>
        new() { Name = name, DataType = 1, Dims = { dims }, RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes(values.AsSpan())) };

    private static ValueInfoProto Value(string name, params object[] axes)
    {
        var shape = new TensorShapeProto();
        shape.Dim.AddRange(axes.Select(a => a is int edge ? new TensorShapeProto.Types.Dimension { DimValue = edge } : new TensorShapeProto.Types.Dimension { DimParam = (string)a }));
        return new() { Name = name, Type = new() { TensorType = new() { ElemType = 1, Shape = shape } } };
    }
}
