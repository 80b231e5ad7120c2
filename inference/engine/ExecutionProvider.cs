namespace Credence.Inference;

/// <summary>What ONNX Runtime computes with. Which of them there are depends on the build of ONNX Runtime beside the program.</summary>
public enum ExecutionProvider
{
    /// <summary>The processor: always there, and the one that the golden numbers of a model come from.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU by CUDA.</summary>
    Cuda,

    /// <summary>An NVIDIA GPU by TensorRT.</summary>
    TensorRt,

    /// <summary>A GPU on Windows by DirectML.</summary>
    DirectMl,

    /// <summary>Intel's OpenVINO.</summary>
    OpenVino,
}
