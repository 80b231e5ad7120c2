using Credence.Exporter.Modules;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Layers;

namespace Credence.Exporter;

/// <summary>Writes the nodes of a network as ONNX nodes of the same names, with every source of randomness as an input that vanishes by default.</summary>
/// <remarks>Of an ensemble, what differs between the members is stacked on a leading axis, from which the input <c>member</c> gathers; what is equal is stored once.</remarks>
internal static class NetworkToOnnx
{
    private const string Image = "image";
    private const string Logits = "logits";

    /// <summary>Translates a network, or several of one architecture.</summary>
    /// <param name="members">On any device; one, or the members of an ensemble.</param>
    /// <param name="metadata">Stored in the file.</param>
    /// <param name="modules">How modules of TorchSharp are written; null where the network has none.</param>
    /// <exception cref="NotSupportedException">A layer has no ONNX form here; the message names it.</exception>
    public static ModelProto Translate(IReadOnlyList<Network> members, IReadOnlyDictionary<string, string> metadata, ModuleRegistry? modules = null)
    {
        var network = members[0];
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var graph = new OnnxGraphBuilder("credence");
        graph.Input(Image, "N", network.Options.InputChannels, "D", "H", "W");
        if (members.Count > 1)
        {
            graph.Input(ModelManifest.MemberInput, 0);
        }

        graph.Output(Logits, network.Options.Kind == NetworkKind.Classifier ? ["N", network.Options.Classes] : ["N", network.Options.Classes, "D", "H", "W"]);
        for (var index = 0; index < network.Nodes.Count; index++)
        {
            var node = network.Nodes[index];
            var inputs = node.Inputs.Select(i => i == Network.Image ? Image : network.Nodes[i].Name).ToList();
            Write(graph, modules, [.. members.Select(m => m.Nodes[index].Layer)], node.Name, index == network.Nodes.Count - 1 ? Logits : node.Name, inputs);
        }

        return graph.Build(metadata);
    }

    private static void Write(OnnxGraphBuilder graph, ModuleRegistry? modules, IReadOnlyList<ILayer> members, string name, string output, List<string> inputs)
    {
        string Weights() => Weight(graph, name, [.. members.Cast<IWeightedLayer>().Select(l => l.Weight)]);
        string Biases() => Constant(graph, $"{name}/bias", members.Cast<IWeightedLayer>(), l => l.Bias);
        switch (members[0])
        {
            case Convolution layer:
                graph.Node("Conv", output, [inputs[0], Weights(), Biases()],
                    OnnxGraphBuilder.Integers("strides", layer.Stride), OnnxGraphBuilder.Integers("pads", [.. layer.Padding, .. layer.Padding]));
                break;
            case TransposedConvolution layer:
                graph.Node("ConvTranspose", output, [inputs[0], Weights(), Biases()],
                    OnnxGraphBuilder.Integers("strides", layer.Stride));
                break;
            case Linear:
                graph.Node("Gemm", output, [inputs[0], Weights(), Biases()], OnnxGraphBuilder.Integer("transB", 1));
                break;
            case GlobalAveragePooling:
                graph.Node("Flatten", output, [graph.Node("GlobalAveragePool", $"{name}/mean", inputs)]);
                break;
            case AveragePooling layer:
                graph.Node("AveragePool", output, inputs, OnnxGraphBuilder.Integers("kernel_shape", layer.Stride), OnnxGraphBuilder.Integers("strides", layer.Stride));
                break;
            case Addition:
                graph.Node("Add", output, inputs);
                break;
            case GroupNormalisation layer:
                WriteGroupNorm(graph, [.. members.Cast<GroupNormalisation>()], name, output, inputs[0]);
                break;
            case BatchNormalisation:
                var batch = members.Cast<BatchNormalisation>();
                graph.Node("BatchNormalization", output,
                    [
                        inputs[0], Constant(graph, $"{name}/scale", batch, l => l.Scale), Constant(graph, $"{name}/shift", batch, l => l.Shift),
                        Constant(graph, $"{name}/mean", batch, l => l.RunningMean), Constant(graph, $"{name}/variance", batch, l => l.RunningVariance),
                    ],
                    OnnxGraphBuilder.Number("epsilon", BatchNormalisation.Epsilon));
                break;
            case InstanceNormalisation:
                WriteInstanceNorm(graph, [.. members.Cast<InstanceNormalisation>()], name, output, inputs[0]);
                break;
            case LeakyRelu layer:
                graph.Node("LeakyRelu", output, inputs, OnnxGraphBuilder.Number("alpha", layer.NegativeSlope));
                break;
            case ChannelDropout layer:
                graph.Node("Mul", output, [inputs[0], NoiseInput(graph, layer.Noise, value: 1)]);
                break;
            case Concatenation:
                graph.Node("Concat", output, inputs, OnnxGraphBuilder.Integer("axis", 1));
                break;
            case ModuleLayer layer when modules is not null:
                var inner = new ModuleGraph(graph, modules, name[SequentialNetwork.Prefix.Length..]);
                inner.Finish(modules.Write(layer.Module, inner, inputs[0]), output);
                break;
            default:
                throw new NotSupportedException($"Layer \"{name}\" is a {members[0].GetType().Name}, which has no ONNX form in this exporter.");
        }
    }

    private static void WriteInstanceNorm(OnnxGraphBuilder graph, IReadOnlyList<InstanceNormalisation> members, string name, string output, string input)
    {
        var channels = members[0].Scale.shape[0];
        var (centred, deviation) = Standardise(graph, name, input, InstanceNormalisation.Epsilon);
        var factor = graph.Node("Div", $"{name}/factor", [Constant(graph, $"{name}/scale", members, l => l.Scale.view(1, channels, 1, 1, 1)), deviation]);
        var scaled = graph.Node("Mul", $"{name}/scaled", [centred, factor]);
        graph.Node("Add", output, [scaled, Constant(graph, $"{name}/shift", members, l => l.Shift.view(1, channels, 1, 1, 1))]);
    }

    private static (string Centred, string Deviation) Standardise(OnnxGraphBuilder graph, string name, string input, double epsilon) => Standardisation.Write(
        (operation, part, inputs, attributes) => graph.Node(operation, $"{name}/{part}", inputs, [.. attributes.Select(a => a.Proto)]), input, graph.Constant($"{name}/epsilon", [(float)epsilon]));

    /// <summary>
    /// Mean and deviation over the channels of a group, joined along D. ONNX's own GroupNormalization computes mean(x²) - mean(x)² in float32, and loses its
    /// digits where the mean is large.
    /// </summary>
    private static void WriteGroupNorm(OnnxGraphBuilder graph, IReadOnlyList<GroupNormalisation> members, string name, string output, string input)
    {
        var (channels, groups) = (members[0].Scale.shape[0], members[0].Groups);
        // 0 keeps an edge, -1 takes what is left: D is multiplied by the channels of a group, and divided again.
        var joined = graph.Node("Reshape", $"{name}/joined", [input, graph.Constant($"{name}/groups", [0, groups, -1, 0, 0])]);
        var (centred, deviation) = Standardise(graph, name, joined, GroupNormalisation.Epsilon);
        var normalised = graph.Node("Div", $"{name}/normalised", [centred, deviation]);
        var divided = graph.Node("Reshape", $"{name}/divided", [normalised, graph.Constant($"{name}/channels", [0, channels, -1, 0, 0])]);
        var scaled = graph.Node("Mul", $"{name}/scaled", [divided, Constant(graph, $"{name}/scale", members, l => l.Scale.view(1, channels, 1, 1, 1))]);
        graph.Node("Add", output, [scaled, Constant(graph, $"{name}/shift", members, l => l.Shift.view(1, channels, 1, 1, 1))]);
    }

    private static string Weight(OnnxGraphBuilder graph, string layer, IReadOnlyList<IWeight> members)
    {
        switch (members[0])
        {
            case PointWeight:
                return Constant(graph, $"{layer}/weight", members.Cast<PointWeight>(), w => w.Value);
            case GaussianWeight first:
                // σ = softplus(ρ) in float64: the file carries the distribution itself.
                var gaussian = members.Cast<GaussianWeight>();
                var sigma = Constant(graph, $"{layer}/sigma", gaussian, w => torch.nn.functional.softplus(w.Rho.to(torch.float64)).to(torch.float32));
                var scaled = graph.Node("Mul", $"{layer}/deviation", [sigma, NoiseInput(graph, first.Noise, value: 0)]);
                return graph.Node("Add", $"{layer}/weight", [Constant(graph, $"{layer}/mean", gaussian, w => w.Mean), scaled]);
            default:
                throw new NotSupportedException($"Layer \"{layer}\" has a {members[0].GetType().Name}, which has no ONNX form in this exporter.");
        }
    }

    /// <summary>An input with a default: in ONNX a graph input and an initialiser of the same name.</summary>
    private static string NoiseInput(OnnxGraphBuilder graph, NoiseDescription noise, float value)
    {
        long[] shape = [.. noise.Shape];
        graph.Input(noise.Name, [.. shape.Cast<object>()]);
        var values = new float[shape.Aggregate((a, b) => a * b)];
        Array.Fill(values, value);
        return graph.Constant(noise.Name, values, shape);
    }

    /// <summary>A tensor of every member: one constant where all are equal, else the slice of a stack (M, ...) that the member names.</summary>
    private static string Constant<T>(OnnxGraphBuilder graph, string name, IEnumerable<T> members, Func<T, torch.Tensor> tensor)
    {
        using var scope = torch.NewDisposeScope();
        var tensors = members.Select(m => tensor(m).detach().cpu().contiguous()).ToList();
        var values = tensors.Select(t => t.data<float>().ToArray()).ToList();
        return values.All(v => v.AsSpan().SequenceEqual(values[0]))
            ? graph.Constant(name, values[0], tensors[0].shape)
            : graph.Node("Gather", name, [graph.Constant($"{name}/members", [.. values.SelectMany(v => v)], [values.Count, .. tensors[0].shape]), ModelManifest.MemberInput],
                OnnxGraphBuilder.Integer("axis", 0));
    }
}
