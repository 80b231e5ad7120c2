using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>A segmentation network as the sliding window sees it. ONNX Runtime runs it in deployment, libtorch in training-time validation.</summary>
public interface IPatchNetwork
{
    /// <summary>Computes logits for a batch of patches.</summary>
    /// <param name="patches">(N, C, D, H, W).</param>
    /// <param name="batch">N.</param>
    /// <param name="size">W, H, D; multiples of the manifest's stride.</param>
    /// <param name="noise">One draw of all noise inputs; null runs the posterior-mean network.</param>
    /// <param name="logits">(N, K, D, H, W), overwritten.</param>
    void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits);
}
