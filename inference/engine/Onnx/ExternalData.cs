namespace Credence.Inference.Onnx;

/// <summary>Finds tensors whose numbers lie in another file: as weights, in the attributes of nodes, and in graphs inside those.</summary>
internal static class ExternalData
{
    /// <summary>The first such tensor, or what holds it where it has no name; null where the model holds everything.</summary>
    public static string? Find(ModelProto model) =>
        Find(model.Graph) ?? model.Functions.Select(f => Find(f.Node) ?? Find(f.AttributeProto, f.Name)).FirstOrDefault(found => found is not null);

    private static string? Find(GraphProto graph) =>
        graph.Initializer.Concat(graph.SparseInitializer.SelectMany(Parts)).Select(t => Named(t, graph.Name)).FirstOrDefault(found => found is not null) ?? Find(graph.Node);

    private static string? Find(IEnumerable<NodeProto> nodes) => nodes.Select(n => Find(n.Attribute, n.Name)).FirstOrDefault(found => found is not null);

    private static string? Find(IEnumerable<AttributeProto> attributes, string holder)
    {
        foreach (var attribute in attributes)
        {
            var tensors = attribute.Tensors.Append(attribute.T).Concat(attribute.SparseTensors.Append(attribute.SparseTensor).SelectMany(Parts));
            var found = tensors.Select(t => Named(t, $"{holder}/{attribute.Name}")).Concat(attribute.Graphs.Append(attribute.G).Select(g => g is null ? null : Find(g)))
                .FirstOrDefault(name => name is not null);
            if (found is not null)
            {
                return found;
            }
        }

        return null;
    }

    private static IEnumerable<TensorProto?> Parts(SparseTensorProto? sparse) => sparse is null ? [] : [sparse.Values, sparse.Indices];

    private static string? Named(TensorProto? tensor, string holder) =>
        tensor is { DataLocation: TensorProto.Types.DataLocation.External } ? tensor.Name.Length > 0 ? tensor.Name : holder : null;
}
