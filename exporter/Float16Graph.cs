using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Google.Protobuf;

namespace Credence.Exporter;

/// <summary>Stores the weights of a graph in float16, and on request lets its convolutions compute in it.</summary>
/// <remarks>
/// Weights are what convolutions and matrix products read as such, means and deviations of Gaussian ones among them; they are cast back where the graph computes
/// in float32. Norms, biases in storage, the sum mean + sigma * noise and the layer that gives the logits are float32 in any case: a logit of 10 in float16
/// would be rounded by up to 0.004.
/// </remarks>
internal static class Float16Graph
{
    private const string Logits = "logits";

    /// <summary>Changes a graph of float32.</summary>
    /// <param name="graph">As the exporter writes it.</param>
    /// <param name="precision">What to change it to; float32 changes nothing.</param>
    /// <exception cref="NotSupportedException">A weight is too large for float16; the message names the layer.</exception>
    public static void Convert(GraphProto graph, WeightPrecision precision)
    {
        if (precision == WeightPrecision.Float32)
        {
            return;
        }

        var (nodes, noise) = (graph.Node.ToList(), graph.Input.Select(i => i.Name).ToHashSet(StringComparer.Ordinal));
        var constants = graph.Initializer.Where(t => t.DataType == (int)TensorProto.Types.DataType.Float && !noise.Contains(t.Name)).ToDictionary(t => t.Name, StringComparer.Ordinal);
        var producers = nodes.SelectMany(n => n.Output.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n, StringComparer.Ordinal);
        var layers = nodes.Where(n => n.OpType is "Conv" or "ConvTranspose" or "Gemm").ToList();
        var casts = new List<NodeProto>();
        foreach (var layer in layers)
        {
            foreach (var weight in Sources(layer.Input[1], producers).Where(constants.ContainsKey))
            {
                if (constants.Remove(weight, out var tensor))
                {
                    Halve(tensor, layer.Name);
                    casts.Add(Cast(tensor.Name, weight, TensorProto.Types.DataType.Float));
                }
            }
        }

        graph.Node.Clear();
        graph.Node.Add(casts);
        var halves = new HashSet<string>(StringComparer.Ordinal); // tensors that are cast to float16 already
        foreach (var node in nodes)
        {
            if (precision == WeightPrecision.Float16 && node.OpType is "Conv" or "ConvTranspose" && !node.Output.Contains(Logits))
            {
                AddHalfLayer(graph, node, halves);
            }
            else
            {
                graph.Node.Add(node);
            }
        }
    }

    /// <summary>The initialisers that a weight is computed from: itself, or what is multiplied, added and gathered.</summary>
    private static IEnumerable<string> Sources(string tensor, Dictionary<string, NodeProto> producers) => !producers.TryGetValue(tensor, out var node) ? [tensor]
        : node.OpType switch
        {
            "Mul" or "Add" => node.Input.SelectMany(i => Sources(i, producers)),
            "Gather" => Sources(node.Input[0], producers), // not the index
            _ => [],
        };

    private static void Halve(TensorProto tensor, string layer)
    {
        var values = MemoryMarshal.Cast<byte, float>(tensor.RawData.Span);
        var halves = new Half[values.Length];
        TensorPrimitives.ConvertToHalf(values, halves); // to the nearest, halves to even
        for (var n = 0; n < halves.Length; n++)
        {
            if (!Half.IsFinite(halves[n]))
            {
                throw new NotSupportedException(FormattableString.Invariant($"Layer \"{layer}\" has a weight of {values[n]:G3} ({tensor.Name}), beyond the range of float16 (at most {(float)Half.MaxValue}). Export it as float32."));
            }
        }

        tensor.Name += "/float16";
        tensor.DataType = (int)TensorProto.Types.DataType.Float16;
        tensor.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<Half>(halves));
    }

    /// <summary>The layer between casts. The sum mean + sigma * noise is rounded once, and an activation that several layers read is cast once.</summary>
    private static void AddHalfLayer(GraphProto graph, NodeProto node, HashSet<string> halves)
    {
        for (var n = 0; n < node.Input.Count; n++)
        {
            var half = $"{node.Input[n]}/half";
            if (halves.Add(half))
            {
                graph.Node.Add(Cast(node.Input[n], half, TensorProto.Types.DataType.Float16));
            }

            node.Input[n] = half;
        }

        var output = node.Output[0];
        node.Name = node.Output[0] = $"{output}/computed";
        graph.Node.Add(node);
        graph.Node.Add(Cast(node.Output[0], output, TensorProto.Types.DataType.Float));
    }

    private static NodeProto Cast(string from, string to, TensorProto.Types.DataType type) =>
        new() { OpType = "Cast", Name = to, Input = { from }, Output = { to }, Attribute = { OnnxGraphBuilder.Integer("to", (long)type) } };
}
