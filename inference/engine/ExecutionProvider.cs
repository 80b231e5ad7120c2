using System.Text.Json.Serialization;

namespace Credence.Inference;

/// <summary>What ONNX Runtime computes with. Which of them there are depends on the build of ONNX Runtime beside the program.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ExecutionProvider>))]
public enum ExecutionProvider
{
    /// <summary>The processor: always there, and the one that the golden numbers of a model come from.</summary>
    [JsonStringEnumMemberName("cpu")]
    Cpu,

    /// <summary>An NVIDIA GPU by CUDA.</summary>
    [JsonStringEnumMemberName("cuda")]
    Cuda,

    /// <summary>An NVIDIA GPU by TensorRT.</summary>
    [JsonStringEnumMemberName("tensorrt")]
    TensorRt,

    /// <summary>A GPU on Windows by DirectML.</summary>
    [JsonStringEnumMemberName("directml")]
    DirectMl,

    /// <summary>Intel's OpenVINO.</summary>
    [JsonStringEnumMemberName("openvino")]
    OpenVino,
}
