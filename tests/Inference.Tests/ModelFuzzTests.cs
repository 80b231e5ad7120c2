using System.Text.Json.Nodes;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.MedicalIO;
using CsCheck;
using Google.Protobuf;

namespace Credence.Inference.Tests;

/// <summary>Model files are input from elsewhere: whatever manifest and graph say, they are used or refused as a bad model. (Bytes at random: <see cref="ModelFileTests"/>.)</summary>
public sealed class ModelFuzzTests
{
    private static readonly string[] Values =
    [
        "null", "true", "-1", "0", "1e300", "2147483648", "-9223372036854775808", "0.5", "\"\"", "\"gaussian\"", "\"\\u0000../../etc/passwd\"", "[]", "{}", "[null]", "[[1, 2, 3]]", "[1, 2]", "{\"a\": 1}",
    ];

    private int used;

    [Fact]
    public void Any_manifest_is_used_or_refused() => Fuzz(3000, Gen.Select(Gen.Int[0, 10_000].Array[1, 3], Gen.Int[0, Values.Length - 1].Array[3], Gen.Int[0, 3].Array[3]), (places, values, kinds) =>
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        var entry = model.MetadataProps.Single(p => p.Key == ModelManifest.MetadataKey);
        var manifest = JsonNode.Parse(entry.Value)!;
        for (var n = 0; n < places.Length; n++)
        {
            var all = Descendants(manifest).ToList();
            if (all.Count > 0)
            {
                Change(all[places[n] % all.Count], kinds[n], Values[values[n]]);
            }
        }

        entry.Value = manifest.ToJsonString();
        return model;
    });

    [Fact]
    public void Any_graph_is_used_or_refused() => Fuzz(1500, Gen.Select(Gen.Int[0, 10_000].Array[6], Gen.Int[0, 9].Array[1, 3], Gen.Const(0)), (choices, kinds, _) =>
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        foreach (var kind in kinds)
        {
            Change(model.Graph, kind, choices);
        }

        return model;
    });

    [Fact]
    public void Nesting_without_end_is_refused()
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        var inner = new GraphProto();
        for (var depth = 0; depth < 1000; depth++)
        {
            inner = new() { Node = { new NodeProto { Attribute = { new AttributeProto { G = inner } } } } };
        }

        model.Graph.Node.Add(inner.Node);
        Assert.Contains("bytes that are not ONNX", Assert.Throws<ModelFileException>(() => ModelFile.Parse("m.onnx", model.ToByteArray())).Message, StringComparison.Ordinal);

        model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        var entry = model.MetadataProps.Single(p => p.Key == ModelManifest.MetadataKey);
        entry.Value = entry.Value.Replace("\"tiny\"", new string('[', 100_000), StringComparison.Ordinal);
        Assert.Contains("a manifest that cannot be read", Assert.Throws<ModelFileException>(() => ModelFile.Parse("m.onnx", model.ToByteArray())).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<JsonNode> Descendants(JsonNode node)
    {
        var children = node switch { JsonObject o => o.Select(p => p.Value), JsonArray a => a, _ => [] };
        return children.OfType<JsonNode>().SelectMany(c => Descendants(c).Prepend(c));
    }

    private static void Change(JsonNode node, int kind, string value)
    {
        switch (kind, node.Parent)
        {
            case (0, JsonObject parent): parent.Remove(node.GetPropertyName()); break;
            case (0, JsonArray parent): parent.Remove(node); break;
            case (1, JsonArray parent): parent.Add(node.DeepClone()); break;
            default: node.ReplaceWith(JsonNode.Parse(value)); break;
        }
    }

    private static void Change(GraphProto graph, int kind, int[] choices)
    {
        T Pick<T>(IReadOnlyList<T> of, int choice) => of[choices[choice] % of.Count];
        if (graph.Node.Count == 0 || graph.Initializer.Count == 0)
        {
            return;
        }

        var (node, tensor) = (Pick(graph.Node, 0), Pick(graph.Initializer, 1));
        string[] names = [.. graph.Node.SelectMany(n => n.Output).Concat(graph.Initializer.Select(i => i.Name)).Append("").Append("absent")];
        switch (kind)
        {
            case 0: graph.Node.Remove(node); break;
            case 1: graph.Node.Insert(choices[2] % graph.Node.Count, node.Clone()); break;
            case 2 when node.Input.Count > 0: node.Input[choices[2] % node.Input.Count] = Pick(names, 3); break;
            case 3: node.OpType = Pick(["Conv", "Add", "Mul", "Reshape", "Loop", "If", "Gather", "Cast", "", "Resize"], 2); break;
            case 4 when tensor.Dims.Count > 0: tensor.Dims[choices[2] % tensor.Dims.Count] = Pick<long>([0, -1, 1, long.MaxValue, 1L << 31, 7], 3); break;
            case 5: tensor.RawData = ByteString.CopyFrom(new byte[choices[2] % 64]); break;
            case 6 when node.Attribute.Count > 0: node.Attribute[choices[2] % node.Attribute.Count].Ints.Add(Pick<long>([0, -1, long.MaxValue, 3], 3)); break;
            case 7: node.Output.Add(Pick(names, 2)); break;
            case 8: tensor.DataType = choices[2] % 20; break;
            case 9: graph.Initializer.Remove(tensor); break;
        }
    }

    /// <summary>Uses what is made, and sees that some of it is used and some refused: else nothing would have been tried.</summary>
    private void Fuzz<T1, T2, T3>(int times, Gen<(T1, T2, T3)> choices, Func<T1, T2, T3, ModelProto> make)
    {
        choices.Sample((a, b, c) => Use(make(a, b, c).ToByteArray()), iter: times, seed: "0N0XIzNsQ0O2", threads: 2);
        Assert.InRange(used, times / 50, times - times / 50);
    }

    /// <summary>Everything that looks at a model before a scan comes.</summary>
    private void Use(byte[] bytes)
    {
        try
        {
            using var network = new OnnxNetwork(ModelFile.Parse("m.onnx", bytes), threads: 1);
            Assert.True(network.ActivationBytes >= 0);
            Interlocked.Increment(ref used);
        }
        catch (ModelFileException e)
        {
            Assert.StartsWith("m.onnx: ", e.Message, StringComparison.Ordinal);
        }
    }
}
