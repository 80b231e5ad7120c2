using Credence.Inference.Model;
using Google.Protobuf;

namespace Credence.Inference.Onnx;

/// <summary>The inputs of a model file that vary between samples: noise, and the member of an ensemble.</summary>
internal static class VariedInputs
{
    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names(ModelManifest manifest) =>
        [.. manifest.NoiseInputs.Select(n => n.Name), .. manifest.Members > 1 ? [ModelManifest.MemberInput] : Array.Empty<string>()];

    /// <summary>The graph without their defaults: whoever runs it gives them all.</summary>
    /// <remarks>
    /// ONNX Runtime warns of every default at every load, because an initialiser that is also an input cannot be folded, which is the intention here. Without
    /// the defaults it has nothing to warn of, and its other warnings need not be switched off: docs/decisions/0030-no-defaults-in-memory.md.
    /// </remarks>
    /// <param name="bytes">A model file.</param>
    /// <param name="manifest">Its manifest.</param>
    public static byte[] WithoutDefaults(byte[] bytes, ModelManifest manifest)
    {
        var model = ModelProto.Parser.ParseFrom(bytes);
        var varied = Names(manifest).ToHashSet(StringComparer.Ordinal);
        var kept = model.Graph.Initializer.Where(t => !varied.Contains(t.Name)).ToList();
        model.Graph.Initializer.Clear();
        model.Graph.Initializer.Add(kept);
        return model.ToByteArray();
    }
}
