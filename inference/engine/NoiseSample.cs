using Credence.Inference.Model;

namespace Credence.Inference;

/// <summary>One draw of all noise inputs of a model: the weights of one Monte Carlo sample, the same for every patch of a volume.</summary>
public sealed class NoiseSample
{
    /// <summary>The tensors, flattened, in the order of <see cref="ModelManifest.NoiseInputs"/>.</summary>
    public required IReadOnlyList<float[]> Tensors { get; init; }
}
