using System.Runtime.InteropServices;

namespace Credence.Inference.Onnx;

/// <summary>Estimates what the tensors of a graph need while one patch runs through it.</summary>
internal static class ActivationMemory
{
    private const string Image = "image";

    /// <summary>Walks the nodes in order: a tensor lives from the node that makes it to the last that reads it.</summary>
    /// <param name="bytes">A model file whose layers are those of the exporter; one that is not known, or whose weight is not, counts as one that keeps the size.</param>
    /// <param name="patch">Size of the input.</param>
    /// <param name="channels">C.</param>
    /// <returns>Bytes of float32 at the fullest moment, for one example.</returns>
    public static long Estimate(byte[] bytes, MedicalIO.Size3 patch, int channels)
    {
        var graph = ModelProto.Parser.ParseFrom(bytes).Graph;
        var dims = graph.Initializer.ToDictionary(t => t.Name, t => t.Dims.ToArray(), StringComparer.Ordinal);
        var producers = graph.Node.SelectMany(n => n.Output.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n, StringComparer.Ordinal);
        var lastUse = graph.Node.SelectMany((n, at) => n.Input.Select(i => (i, at))).GroupBy(p => p.i).ToDictionary(g => g.Key, g => g.Max(p => p.at), StringComparer.Ordinal);
        var live = new Dictionary<string, long[]>(StringComparer.Ordinal) { [Image] = [channels, patch.Depth, patch.Height, patch.Width] };
        var peak = 0L;
        for (var at = 0; at < graph.Node.Count; at++)
        {
            var node = graph.Node[at];
            var inputs = node.Input.Where(live.ContainsKey).ToList();
            if (inputs.Count == 0)
            {
                continue; // of weights alone
            }

            live[node.Output[0]] = Shape(node, [.. inputs.Select(i => live[i])], () => WeightShape(node.Input[1]), () => Scales(node));
            var extra = node.OpType == "ConvTranspose" ? Elements(live[node.Output[0]]) : 0; // its columns, before they are added up
            peak = Math.Max(peak, live.Where(t => t.Key != Image).Sum(t => Elements(t.Value)) + extra);
            foreach (var done in inputs.Where(i => lastUse[i] == at))
            {
                live.Remove(done);
            }
        }

        return sizeof(float) * peak;

        // (C', C, d, h, w) of what a weight is computed or gathered from; null where nothing of it has so many axes.
        long[]? WeightShape(string tensor) => dims.TryGetValue(tensor, out var known) ? known.Length >= 5 ? known[^5..] : null
            : producers.TryGetValue(tensor, out var maker) ? maker.Input.Select(WeightShape).FirstOrDefault(s => s is not null) : null;

        // Factors along N, C, D, H, W.
        float[]? Scales(NodeProto node) => node.Input.Count > 2 && graph.Initializer.FirstOrDefault(t => t.Name == node.Input[2]) is { } scales
            && (scales.FloatData.Count > 0 ? [.. scales.FloatData] : MemoryMarshal.Cast<byte, float>(scales.RawData.Span).ToArray()) is { Length: 5 } found ? found : null;
    }

    private static long Elements(long[] shape) => shape.Aggregate(1L, (product, edge) => product * edge);

    private static long[] Shape(NodeProto node, IReadOnlyList<long[]> inputs, Func<long[]?> weight, Func<float[]?> scales)
    {
        long[] Attribute(string name, long otherwise, int count) => node.Attribute.FirstOrDefault(a => a.Name == name) is { } found ? [.. found.Ints] : [.. Enumerable.Repeat(otherwise, count)];
        var first = inputs[0];
        if (first.Length != 4)
        {
            return first;
        }

        var (strides, pads, axes) = (Attribute("strides", 1, 3), Attribute("pads", 0, 6), Enumerable.Range(0, 3));
        switch (node.OpType)
        {
            case "Conv" when weight() is { } w:
                return [w[0], .. axes.Select(a => (first[a + 1] + pads[a] + pads[a + 3] - w[a + 2]) / strides[a] + 1)];
            case "ConvTranspose" when weight() is { } w:
                return [w[1], .. axes.Select(a => (first[a + 1] - 1) * strides[a] + w[a + 2] - pads[a] - pads[a + 3])];
            case "AveragePool" or "MaxPool":
                var kernel = Attribute("kernel_shape", 1, 3);
                return [first[0], .. axes.Select(a => (first[a + 1] + pads[a] + pads[a + 3] - kernel[a]) / strides[a] + 1)];
            case "Resize" when scales() is { } s:
                return [first[0], .. axes.Select(a => (long)(first[a + 1] * s[a + 2]))];
            case "ReduceMean":
                var reduced = Attribute("axes", 0, 0);
                return [first[0], .. axes.Select(a => reduced.Contains(a + 2) ? 1 : first[a + 1])];
            case "Concat":
                return [inputs.Sum(i => i[0]), .. first[1..]];
            default:
                return [.. Enumerable.Range(0, 4).Select(a => inputs.Max(i => i.Length == 4 ? i[a] : 1))]; // operands are stretched over each other
        }
    }
}
