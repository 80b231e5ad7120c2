using System.Reflection;
using System.Runtime.InteropServices;
using Credence.Inference.Onnx;
using Google.Protobuf;

namespace Credence.Exporter;

/// <summary>Assembles an ONNX graph node by node; the same calls give the same bytes.</summary>
internal sealed class OnnxGraphBuilder(string name)
{
    private const int IrVersion = 8;
    private const int Opset = 17;

    private readonly GraphProto graph = new() { Name = name };

    /// <summary>Adds a graph input.</summary>
    /// <param name="tensor">Its name.</param>
    /// <param name="axes">A number is a fixed edge, a text a dynamic one.</param>
    public void Input(string tensor, params object[] axes) => graph.Input.Add(Value(tensor, TensorProto.Types.DataType.Float, axes));

    /// <summary>Adds a graph input that is one whole number, with its default.</summary>
    public void Input(string tensor, long defaultValue)
    {
        graph.Input.Add(Value(tensor, TensorProto.Types.DataType.Int64, []));
        Constant(tensor, TensorProto.Types.DataType.Int64, MemoryMarshal.AsBytes<long>([defaultValue]));
    }

    /// <summary>Adds a graph output.</summary>
    public void Output(string tensor, params object[] axes) => graph.Output.Add(Value(tensor, TensorProto.Types.DataType.Float, axes));

    /// <summary>Adds a constant; under the name of an input it is that input's default.</summary>
    public string Constant(string tensor, ReadOnlySpan<float> values, params long[] shape) =>
        Constant(tensor, TensorProto.Types.DataType.Float, MemoryMarshal.AsBytes(values), shape);

    /// <summary>Adds a list of whole numbers, such as a shape.</summary>
    public string Constant(string tensor, long[] values) =>
        Constant(tensor, TensorProto.Types.DataType.Int64, MemoryMarshal.AsBytes<long>(values), values.Length);

    /// <summary>Adds a node with one output, which bears the node's name.</summary>
    public string Node(string operation, string output, IEnumerable<string> inputs, params AttributeProto[] attributes)
    {
        graph.Node.Add(new NodeProto { OpType = operation, Name = output, Input = { inputs }, Output = { output }, Attribute = { attributes } });
        return output;
    }

    /// <summary>An attribute that is a list of whole numbers.</summary>
    public static AttributeProto Integers(string attribute, IEnumerable<long> values) =>
        new() { Name = attribute, Type = AttributeProto.Types.AttributeType.Ints, Ints = { values } };

    /// <summary>An attribute that is a whole number.</summary>
    public static AttributeProto Integer(string attribute, long value) =>
        new() { Name = attribute, Type = AttributeProto.Types.AttributeType.Int, I = value };

    /// <summary>An attribute that is a number.</summary>
    public static AttributeProto Number(string attribute, double value) =>
        new() { Name = attribute, Type = AttributeProto.Types.AttributeType.Float, F = (float)value };

    /// <summary>The finished model.</summary>
    /// <param name="metadata">Stored in <c>metadata_props</c>.</param>
    public ModelProto Build(IReadOnlyDictionary<string, string> metadata) => new()
    {
        IrVersion = IrVersion,
        ProducerName = "credence-export",
        ProducerVersion = typeof(OnnxGraphBuilder).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "", // with the commit
        Graph = graph,
        OpsetImport = { new OperatorSetIdProto { Domain = "", Version = Opset } },
        MetadataProps = { metadata.OrderBy(m => m.Key, StringComparer.Ordinal).Select(m => new StringStringEntryProto { Key = m.Key, Value = m.Value }) },
    };

    private string Constant(string tensor, TensorProto.Types.DataType type, ReadOnlySpan<byte> bytes, params long[] shape)
    {
        graph.Initializer.Add(new TensorProto
        {
            Name = tensor,
            DataType = (int)type,
            Dims = { shape },
            RawData = ByteString.CopyFrom(bytes), // little-endian, as the format asks for
        });
        return tensor;
    }

    private static ValueInfoProto Value(string tensor, TensorProto.Types.DataType type, object[] axes)
    {
        var shape = new TensorShapeProto();
        shape.Dim.Add(axes.Select(axis => axis is string symbol
            ? new TensorShapeProto.Types.Dimension { DimParam = symbol }
            : new TensorShapeProto.Types.Dimension { DimValue = Convert.ToInt64(axis, System.Globalization.CultureInfo.InvariantCulture) }));
        return new() { Name = tensor, Type = new() { TensorType = new() { ElemType = (int)type, Shape = shape } } };
    }
}
