using Google.Protobuf;

namespace Credence.Inference.Onnx;

/// <summary>A model cut in two: the trunk, which neither noise nor the choice of a member reaches and which is computed once for all weight samples, and the head.</summary>
/// <param name="Trunk">Model with input <c>image</c> and the shared tensors as outputs.</param>
/// <param name="Head">Model with the shared tensors and all inputs that vary as inputs, and output <c>logits</c>.</param>
/// <param name="Shared">The tensors that cross the cut; <c>image</c> is among them where the head reads it too.</param>
/// <param name="IsHeadLinear">Whether the logits are a linear function of the only shared tensor, voxel by voxel: the head of features that were blended is the blend of its heads.</param>
internal sealed record GraphCut(byte[] Trunk, byte[] Head, IReadOnlyList<string> Shared, bool IsHeadLinear)
{
    private const string Image = "image", Logits = "logits";

    /// <summary>Cuts behind the last tensors that are the same in every sample.</summary>
    /// <param name="bytes">A model file.</param>
    /// <param name="varied">Names of the inputs that vary between samples: noise, and the member of an ensemble.</param>
    /// <returns>Null where the two parts share no convolution: nothing would be saved.</returns>
    public static GraphCut? Find(byte[] bytes, IReadOnlyCollection<string> varied)
    {
        if (varied.Count == 0)
        {
            return null;
        }

        var model = ModelProto.Parser.ParseFrom(bytes);
        var graph = model.Graph;
        var (random, scan) = (varied.ToHashSet(StringComparer.Ordinal), new HashSet<string>(StringComparer.Ordinal) { Image });
        foreach (var node in graph.Node) // in the order of computation
        {
            random.UnionWith(node.Input.Any(random.Contains) ? node.Output : []);
            scan.UnionWith(node.Input.Any(scan.Contains) ? node.Output : []);
        }

        // What reads the scan and nothing that varies, and is read by what does. What reads neither (means, deviations) is in both parts. Tensors cross in float32:
        // a cast of one, to the float16 of a convolution, is done again in the head.
        var head = graph.Node.Where(n => n.Output.Any(random.Contains)).ToList();
        var casts = graph.Node.Where(IsCastToHalf).DistinctBy(n => n.Output[0]).ToDictionary(n => n.Output[0], n => n.Input[0], StringComparer.Ordinal);
        var shared = head.SelectMany(n => n.Input).Where(t => scan.Contains(t) && !random.Contains(t)).Select(t => casts.GetValueOrDefault(t, t)).Distinct().ToList();
        var trunk = Needed(graph, shared.Where(t => t != Image), []);
        if (!random.Contains(Logits) || !trunk.Any(IsConvolution))
        {
            return null;
        }

        return new(
            Part(model, trunk, [Image], shared.Where(t => t != Image)), Part(model, Needed(graph, [Logits], shared), [.. shared, .. varied], [Logits]), shared, IsLinear(graph, head, scan, shared));
    }

    private static bool IsCastToHalf(NodeProto node) =>
        node is { OpType: "Cast", Input.Count: 1, Output.Count: 1 } && node.Attribute.Any(a => a.Name == "to" && a.I == (long)TensorProto.Types.DataType.Float16);

    private static bool IsConvolution(NodeProto node) => node.OpType is "Conv" or "ConvTranspose";

    /// <summary>The nodes that tensors depend on, in the order of computation, without what lies before some of them.</summary>
    private static List<NodeProto> Needed(GraphProto graph, IEnumerable<string> tensors, IReadOnlyCollection<string> given)
    {
        var (wanted, nodes) = (tensors.ToHashSet(StringComparer.Ordinal), new List<NodeProto>());
        foreach (var node in graph.Node.Reverse())
        {
            if (node.Output.Any(t => wanted.Contains(t) && !given.Contains(t)))
            {
                nodes.Insert(0, node);
                wanted.UnionWith(node.Input);
            }
        }

        return nodes;
    }

    private static byte[] Part(ModelProto model, List<NodeProto> nodes, IReadOnlyCollection<string> inputs, IEnumerable<string> outputs)
    {
        var whole = model.Graph;
        var read = nodes.SelectMany(n => n.Input).ToHashSet(StringComparer.Ordinal);
        var part = new GraphProto { Name = whole.Name };
        part.Node.Add(nodes);
        part.Initializer.Add(whole.Initializer.Where(t => read.Contains(t.Name)));
        part.Input.Add(inputs.Where(read.Contains).Select(name => whole.Input.FirstOrDefault(i => i.Name == name) ?? Floats(name)));
        part.Output.Add(outputs.Select(name => whole.Output.FirstOrDefault(o => o.Name == name) ?? Floats(name)));
        return new ModelProto { IrVersion = model.IrVersion, OpsetImport = { model.OpsetImport }, Graph = part }.ToByteArray();
    }

    /// <summary>A tensor of float32; ONNX Runtime finds its shape.</summary>
    internal static ValueInfoProto Floats(string name) => new() { Name = name, Type = new() { TensorType = new() { ElemType = (int)TensorProto.Types.DataType.Float } } };

    /// <summary>Channels times noise, and convolutions of single voxels: the weights of the blend sum to 1, so a bias passes through it unchanged.</summary>
    private static bool IsLinear(GraphProto graph, List<NodeProto> head, HashSet<string> scan, List<string> shared) =>
        shared.Count == 1 && shared[0] != Image && !graph.Node.Any(n => IsCastToHalf(n) && n.Input[0] == shared[0]) && head.Where(n => n.Output.Any(scan.Contains)).All(node => node.Input.Count(scan.Contains) == 1 && node.OpType switch
        {
            "Mul" => true,
            "Conv" => scan.Contains(node.Input[0]) && Are(node, "strides", 1) && Are(node, "pads", 0) && Are(node, "group", 1) && HasSingleVoxelKernel(graph, node.Input[1]),
            _ => false,
        });

    private static bool Are(NodeProto node, string attribute, long value) =>
        node.Attribute.FirstOrDefault(a => a.Name == attribute) is not { } found || (found.Ints.Count > 0 ? found.Ints : [found.I]).All(v => v == value);

    /// <summary>Whether all tensors that a weight is computed from are (C', C, 1, 1, 1), or stacks of them.</summary>
    private static bool HasSingleVoxelKernel(GraphProto graph, string weight)
    {
        var read = Needed(graph, [weight], []).SelectMany(n => n.Input).Append(weight).ToHashSet(StringComparer.Ordinal);
        return graph.Initializer.Where(t => read.Contains(t.Name)).All(t => t.Dims.TakeLast(3).All(edge => edge == 1));
    }
}
