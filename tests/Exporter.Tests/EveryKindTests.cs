using System.Text.Json;
using Credence.Inference.Onnx;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Priors;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Credence.Exporter.Tests;

/// <summary>The graph of every kind of network, layer and posterior: accepted by the ONNX project's own checker, deterministic, of any batch and size, and equal to libtorch.</summary>
public sealed class EveryKindTests
{
    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 4, NormGroups = 2 };
    private static readonly NetworkOptions Residual = Small with { Encoder = EncoderKind.Residual, ResidualBlocks = [1, 2, 1] };
    private static readonly NetworkOptions Gaussian = Small with { Posterior = Posterior.MeanField };
    private static readonly NetworkOptions Dropout = Small with { Posterior = Posterior.ChannelDropout };
    private static readonly Lazy<Dictionary<string, string>> Verdicts = new(Check);

    /// <summary>By name: every value of every option that changes the graph, alone and where it meets another.</summary>
    private static readonly Dictionary<string, NetworkOptions> Kinds = Build();

    public static TheoryData<string> Names => [.. Kinds.Keys];

    /// <summary>A kind that is added to the options has to be added here.</summary>
    [Fact]
    public void Every_value_of_every_choice_is_among_the_kinds()
    {
        var choices = typeof(NetworkOptions).GetProperties().Where(p => p.PropertyType.IsEnum).ToList();
        Assert.True(choices.Count >= 10, $"{choices.Count} choices");
        foreach (var choice in choices)
        {
            Assert.Equal(Enum.GetValuesAsUnderlyingType(choice.PropertyType).Cast<int>(), Kinds.Values.Select(o => (int)choice.GetValue(o)!).Distinct().Order());
        }
    }

    /// <summary>Oracle: the checker and the strict shape inference of the ONNX project, one run of Python for all.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void The_ONNX_checker_and_strict_shape_inference_accept_it(string name)
    {
        var logits = Kinds[name].Kind == NetworkKind.Classifier ? "N 3" : "N 3 D H W";
        Assert.Equal($"8 17, image N 2 D H W, logits {logits}, every tensor has a shape", Verdicts.Value[name]);
    }

    /// <summary>Oracle: libtorch, at two sizes and batches, with default noise and with a draw.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void It_equals_libtorch_at_any_batch_and_size_and_has_the_same_bytes_twice(string name)
    {
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(3);
        using var network = Fresh(name);
        var bytes = Translate(network);
        using (var again = Fresh(name))
        {
            Assert.Equal(bytes, Translate(again));
        }

        using var session = new InferenceSession(bytes, Quiet());
        foreach (var shape in new long[][] { [1, 2, 8, 12, 8], [2, 2, 12, 8, 16] })
        {
            var image = torch.randn(shape, generator: generator);
            var noise = network.NoiseInputs.ToDictionary(n => n.Name, n => torch.randn([.. n.Shape], generator: generator));
            AssertEqual(network.forward(image), Run(session, [new("image", image)]));
            AssertEqual(network.Run(image, new GivenNoise(noise)), Run(session, noise.Append(new("image", image))));
        }
    }

    private static Dictionary<string, NetworkOptions> Build()
    {
        var kinds = new Dictionary<string, NetworkOptions>
        {
            ["2-D kernels and strides"] = Small with { Strides = [[1, 2, 2], [1, 2, 2]], Kernels = [[1, 3, 3], [1, 3, 3], [1, 3, 3]] },
            ["anisotropic, deep supervision"] = Small with { Strides = [[1, 2, 2], [2, 1, 2], [2, 2, 1]], Kernels = [[1, 3, 3], [3, 3, 3], [1, 5, 1], [3, 3, 3]], HasDeepSupervision = true },
            ["one level"] = Gaussian with { Strides = [] },
            ["residual, dropout"] = Residual with { Posterior = Posterior.ChannelDropout },
            ["residual, preset blocks"] = Residual with { ResidualBlocks = [], Strides = [[2, 2, 2]] },
            ["classifier, residual, Gaussian"] = Residual with { Kind = NetworkKind.Classifier, Posterior = Posterior.MeanField },
            ["classifier, dropout"] = Dropout with { Kind = NetworkKind.Classifier, Norm = NormKind.Batch },
            ["prior mean"] = Gaussian with { PriorMean = PriorMean.Start },
        };
        foreach (var posterior in Enum.GetValues<Posterior>())
        {
            foreach (var norm in Enum.GetValues<NormKind>())
            {
                kinds[$"{posterior}, {norm} norm"] = Small with { Posterior = posterior, Norm = norm };
            }
        }

        foreach (var stages in Enum.GetValues<BayesianStages>())
        {
            kinds[$"Gaussian from {stages}"] = Gaussian with { BayesianStages = stages };
            kinds[$"classifier, Gaussian from {stages}"] = Gaussian with { Kind = NetworkKind.Classifier, BayesianStages = stages };
        }

        foreach (var shortcut in Enum.GetValues<ShortcutKind>())
        {
            kinds[$"shortcut {shortcut}"] = Residual with { Shortcut = shortcut };
        }

        foreach (var placement in Enum.GetValues<DropoutPlacement>())
        {
            kinds[$"dropout in {placement}"] = Dropout with { DropoutPlacement = placement };
        }

        foreach (var estimator in Enum.GetValues<WeightEstimator>())
        {
            kinds[$"estimator {estimator}"] = Gaussian with { Estimator = estimator };
        }

        foreach (var prior in Enum.GetValues<PriorKind>())
        {
            kinds[$"prior {prior}"] = Gaussian with { Prior = prior };
        }

        return kinds;
    }

    /// <summary>A network of its kind, its weights, norms and running statistics moved, so that nothing is at its initial value; the same every time.</summary>
    private static Network Fresh(string name)
    {
        using var generator = new torch.Generator(7);
        using var noGradient = torch.no_grad();
        var network = Network.Build(Kinds[name], generator);
        using var pause = FinalizerPause.Begin(); // docs/decisions/0003-finalizers-wait-for-libtorch.md
        foreach (var tensor in network.parameters().Cast<torch.Tensor>().Concat(network.buffers()))
        {
            using var noise = torch.rand(tensor.shape, generator: generator);
            tensor.add_(noise, 0.05);
        }

        return network;
    }

    private static byte[] Translate(Network network) => NetworkToOnnx.Translate([network], new Dictionary<string, string>()).ToByteArray();

    private static SessionOptions Quiet() => new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };

    private static Tensor<float> Run(InferenceSession session, IEnumerable<KeyValuePair<string, torch.Tensor>> inputs)
    {
        using var outputs = session.Run([.. inputs.Select(i => NamedOnnxValue.CreateFromTensor(i.Key, new DenseTensor<float>(i.Value.data<float>().ToArray(), [.. i.Value.shape.Select(e => (int)e)])))]);
        return outputs[0].AsTensor<float>().Clone();
    }

    private static void AssertEqual(torch.Tensor expected, Tensor<float> found)
    {
        Assert.Equal(expected.shape, found.Dimensions.ToArray().Select(e => (long)e));
        var values = expected.data<float>().ToArray();
        var scale = Math.Max(1, values.Max(Math.Abs));
        Assert.InRange(values.Zip(found, (a, b) => Math.Abs(a - b)).Max() / scale, 0, 1e-4);
    }

    /// <summary>Writes all graphs and has Python check them.</summary>
    private static Dictionary<string, string> Check()
    {
        using var folder = new TemporaryFolder();
        foreach (var (name, at) in Kinds.Keys.Select((name, at) => (name, at)))
        {
            using var network = Fresh(name);
            File.WriteAllBytes(folder.File($"{at}.onnx"), Translate(network));
        }

        var printed = Shared.Run("python3-onnx", Shared.Python, "-c", $$"""
            import json, onnx
            def shape(v):
                return ' '.join([v.name] + [d.dim_param or str(d.dim_value) for d in v.type.tensor_type.shape.dim])
            def verdict(at):
                try:
                    model = onnx.load(f'{{folder.Path}}/{at}.onnx')
                    onnx.checker.check_model(model, full_check=True)
                    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
                except Exception as e:
                    return str(e)
                known = {v.name for v in list(inferred.value_info) + list(inferred.output) if v.type.tensor_type.HasField('shape')}
                missing = [o for n in model.graph.node for o in n.output if o not in known]
                return f'{model.ir_version} {model.opset_import[0].version}, {shape(inferred.input[0])}, {shape(inferred.output[0])}, ' + (f'no shape of {missing}' if missing else 'every tensor has a shape')
            print(json.dumps([verdict(at) for at in range({{Kinds.Count}})]))
            """);
        return Kinds.Keys.Zip(JsonSerializer.Deserialize<string[]>(printed)!).ToDictionary(p => p.First, p => p.Second);
    }
}
