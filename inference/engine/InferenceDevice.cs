using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Inference;

/// <summary>How CUDA chooses the algorithm of a convolution, for each shape that it meets.</summary>
public enum AlgorithmSearch
{
    /// <summary>By trying all of them once: the fastest, after a slow first patch.</summary>
    Exhaustive,

    /// <summary>By rules of cuDNN.</summary>
    Heuristic,

    /// <summary>The one that every shape can be computed with.</summary>
    Default,
}

/// <summary>What a model runs on: an execution provider of ONNX Runtime, and which of its devices.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="Index">Of the device, from 0; only that of a GPU matters.</param>
public sealed record InferenceDevice(ExecutionProvider Provider, int Index = 0)
{
    private static readonly (string Word, ExecutionProvider Provider)[] Words =
    [
        ("cpu", ExecutionProvider.Cpu), ("cuda", ExecutionProvider.Cuda), ("tensorrt", ExecutionProvider.TensorRt), ("directml", ExecutionProvider.DirectMl), ("openvino", ExecutionProvider.OpenVino),
    ];

    /// <summary>The processor: always there, and what the golden numbers of a model come from.</summary>
    public static InferenceDevice Cpu { get; } = new(ExecutionProvider.Cpu);

    /// <summary>How CUDA chooses the algorithms of convolutions.</summary>
    public AlgorithmSearch Search { get; init; }

    /// <summary>Whether there are several devices of this provider, told apart by <see cref="Index"/>.</summary>
    private bool IsNumbered => Provider is ExecutionProvider.Cuda or ExecutionProvider.TensorRt or ExecutionProvider.DirectMl;

    /// <summary>Reads <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, <c>tensorrt:0</c>, <c>directml:0</c> or <c>openvino</c>; <c>auto</c> is the first CUDA device where this build of ONNX Runtime has CUDA, and the processor elsewhere.</summary>
    /// <param name="text">The text.</param>
    /// <returns>Null where it names no device.</returns>
    public static InferenceDevice? Parse(string text)
    {
        if (text == "auto")
        {
            return OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider") ? new(ExecutionProvider.Cuda) : Cpu;
        }

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var index = 0;
        return Words.Where(w => w.Word == (colon < 0 ? text : text[..colon])).Select(w => new InferenceDevice(w.Provider)).SingleOrDefault() is { } device
            && (colon < 0 || (device.IsNumbered && int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out index)))
            ? device with { Index = index }
            : null;
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public override string ToString() =>
        Words.Single(w => w.Provider == Provider).Word + (IsNumbered ? string.Create(CultureInfo.InvariantCulture, $":{Index}") : "");
}
