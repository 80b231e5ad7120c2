using System.Diagnostics.CodeAnalysis;
using Credence.Inference.Onnx;

namespace Credence.Exporter.Modules;

/// <summary>An attribute of an ONNX node.</summary>
[SuppressMessage("Naming", "CA1711:Identifiers should not have incorrect suffix", Justification = "It is ONNX's word.")]
public sealed class OnnxAttribute
{
    private OnnxAttribute(AttributeProto proto) => Proto = proto;

    internal AttributeProto Proto { get; }

    /// <summary>A whole number.</summary>
    public static OnnxAttribute WholeNumber(string name, long value) => new(OnnxGraphBuilder.Integer(name, value));

    /// <summary>A list of whole numbers, such as <c>strides</c>.</summary>
    public static OnnxAttribute WholeNumbers(string name, params IEnumerable<long> values) => new(OnnxGraphBuilder.Integers(name, values));

    /// <summary>A number, stored as float32.</summary>
    public static OnnxAttribute Number(string name, double value) => new(OnnxGraphBuilder.Number(name, value));

    /// <summary>A word, such as <c>nearest</c>.</summary>
    public static OnnxAttribute Word(string name, string value) =>
        new(new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.String, S = Google.Protobuf.ByteString.CopyFromUtf8(value) });
}
