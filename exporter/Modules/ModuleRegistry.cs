namespace Credence.Exporter.Modules;

/// <summary>How each type of module is written as ONNX. An instance, which a program fills as it likes; there is no global one.</summary>
public sealed class ModuleRegistry
{
    private readonly Dictionary<Type, Func<torch.nn.Module, ModuleGraph, string, string>> writers = [];

    /// <summary>A registry with the usual modules of TorchSharp: those that docs/how-to/export-your-own-network.md lists.</summary>
    public static ModuleRegistry Usual()
    {
        var registry = new ModuleRegistry();
        UsualModules.AddTo(registry);
        return registry;
    }

    /// <summary>Names of the types that it can write, in alphabetical order.</summary>
    public IReadOnlyList<string> Types => [.. writers.Keys.Select(t => t.Name).Order(StringComparer.Ordinal)];

    /// <summary>Says how a type of module is written; an earlier word on the same type is replaced.</summary>
    /// <typeparam name="TModule">This very type: a type that derives from it may compute something else.</typeparam>
    /// <param name="write">Receives the module, where to write, and the name of its input (N, C, D, H, W); returns the name of its output. It throws
    /// <see cref="NotSupportedException"/> for a setting that it cannot write.</param>
    /// <returns>This registry.</returns>
    public ModuleRegistry Add<TModule>(Func<TModule, ModuleGraph, string, string> write)
        where TModule : torch.nn.Module
    {
        writers[typeof(TModule)] = (module, graph, input) => write((TModule)module, graph, input);
        return this;
    }

    /// <summary>Whether the type of a module is registered.</summary>
    internal bool CanWrite(torch.nn.Module module) => writers.ContainsKey(module.GetType());

    /// <summary>Writes a module.</summary>
    /// <exception cref="ModuleNotWrittenException">It is not registered, or has a setting that cannot be written.</exception>
    internal string Write(torch.nn.Module module, ModuleGraph graph, string input)
    {
        if (!writers.TryGetValue(module.GetType(), out var write))
        {
            throw new ModuleNotWrittenException($"module \"{graph.Module}\", a {module.GetType().Name}");
        }

        try
        {
            return write(module, graph, input);
        }
        catch (NotSupportedException e) when (e is not ModuleNotWrittenException)
        {
            throw new ModuleNotWrittenException($"module \"{graph.Module}\", a {module.GetType().Name} with {e.Message}", e);
        }
    }
}
