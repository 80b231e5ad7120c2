using TorchSharp.Modules;

namespace Credence.Exporter.Modules;

/// <summary>Where a module writes what it computes, as nodes of ONNX opset 17 and constants that bear the name of the module.</summary>
public sealed class ModuleGraph
{
    private readonly OnnxGraphBuilder graph;
    private readonly ModuleRegistry registry;
    private readonly List<(string Operation, string Output, string[] Inputs, OnnxAttribute[] Attributes)> nodes;

    internal ModuleGraph(OnnxGraphBuilder graph, ModuleRegistry registry, string module)
        : this(graph, registry, module, [])
    {
    }

    private ModuleGraph(OnnxGraphBuilder graph, ModuleRegistry registry, string module, List<(string, string, string[], OnnxAttribute[])> nodes) =>
        (this.graph, this.registry, Module, this.nodes) = (graph, registry, module, nodes);

    /// <summary>Name of the module: its place in the network, such as <c>encoder.2</c>.</summary>
    public string Module { get; }

    /// <summary>Adds a node with one output.</summary>
    /// <param name="operation">An operator of ONNX opset 17, such as <c>Conv</c>.</param>
    /// <param name="inputs">Names of tensors: the input of the module, constants, outputs of earlier nodes.</param>
    /// <param name="attributes">Of the operator.</param>
    /// <returns>Name of its output.</returns>
    public string Node(string operation, IEnumerable<string> inputs, params OnnxAttribute[] attributes)
    {
        var output = $"{Module}/{operation}{nodes.Count}";
        nodes.Add((operation, output, [.. inputs], attributes));
        return output;
    }

    /// <summary>Adds a constant, stored as float32.</summary>
    /// <param name="name">Unique in the module, such as <c>weight</c>.</param>
    /// <param name="values">Not disposed.</param>
    /// <returns>Name of the tensor.</returns>
    public string Constant(string name, torch.Tensor values)
    {
        using var copy = values.detach().to(torch.float32).cpu().contiguous();
        return graph.Constant($"{Module}/{name}", copy.data<float>().ToArray(), copy.shape);
    }

    /// <summary>Adds a list of numbers.</summary>
    /// <param name="name">Unique in the module.</param>
    /// <param name="values">One axis.</param>
    /// <returns>Name of the tensor.</returns>
    public string Constant(string name, params float[] values) => graph.Constant($"{Module}/{name}", values, values.Length);

    /// <summary>Adds a number, a tensor without axes.</summary>
    /// <param name="name">Unique in the module.</param>
    /// <param name="value">The number.</param>
    /// <returns>Name of the tensor.</returns>
    public string Scalar(string name, float value) => graph.Constant($"{Module}/{name}", [value]);

    /// <summary>Adds a list of whole numbers, such as a shape.</summary>
    /// <param name="name">Unique in the module.</param>
    /// <param name="values">One axis.</param>
    /// <returns>Name of the tensor.</returns>
    public string Constant(string name, params long[] values) => graph.Constant($"{Module}/{name}", values);

    /// <summary>Writes a module inside this one, as the registry says.</summary>
    /// <param name="name">Unique in this module, such as <c>conv1</c>.</param>
    /// <param name="module">Of a registered type, or a <see cref="Sequential"/> of such.</param>
    /// <param name="input">Name of its input.</param>
    /// <returns>Name of its output.</returns>
    /// <exception cref="NotSupportedException">It is not registered; the message names it and its place.</exception>
    public string Write(string name, torch.nn.Module module, string input)
    {
        var inner = new ModuleGraph(graph, registry, $"{Module}.{name}", nodes);
        return module is Sequential
            ? module.named_children().Aggregate(input, (tensor, child) => inner.Write(child.name, child.module, tensor))
            : registry.Write(module, inner, input);
    }

    /// <summary>Adds the nodes to the graph; the one that gives the output of the module takes the name that others know it by.</summary>
    internal void Finish(string returned, string output)
    {
        var isInput = nodes.All(n => n.Output != returned); // the module changes nothing
        string Known(string tensor) => tensor == returned && !isInput ? output : tensor;
        foreach (var (operation, name, inputs, attributes) in nodes)
        {
            graph.Node(operation, Known(name), inputs.Select(Known), [.. attributes.Select(a => a.Proto)]);
        }

        if (isInput)
        {
            graph.Node("Identity", output, [returned]);
        }
    }
}
