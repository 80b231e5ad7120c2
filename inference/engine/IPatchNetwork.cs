using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>A segmentation network as the sliding window sees it. ONNX Runtime runs it in deployment, libtorch in training-time validation.</summary>
internal interface IPatchNetwork
{
    /// <summary>Bytes of one patch inside the network at the fullest moment, as far as that can be told; 0 where nothing is known.</summary>
    long ActivationBytes => 0;

    /// <summary>Computes logits for a batch of patches.</summary>
    /// <param name="patches">(N, C, D, H, W).</param>
    /// <param name="batch">N.</param>
    /// <param name="size">W, H, D; multiples of the manifest's stride.</param>
    /// <param name="noise">One draw of all noise inputs; null runs the posterior-mean network.</param>
    /// <param name="logits">(N, K, D, H, W), overwritten.</param>
    /// <param name="cancellation">Ends the run, where the network can, between two of its layers.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits, CancellationToken cancellation = default);
}

/// <summary>A network whose first part, the trunk, is the same in every weight sample.</summary>
internal interface ISharedTrunkNetwork : IPatchNetwork
{
    /// <summary>Whether there is such a part. Without one, the other members throw.</summary>
    bool HasSharedTrunk { get; }

    /// <summary>Whether the rest, the head, is linear in the trunk's one output, voxel by voxel, so that features may be blended in place of logits.</summary>
    bool IsHeadLinear { get; }

    /// <summary>Computes the trunk.</summary>
    /// <param name="patches">(N, C, D, H, W).</param>
    /// <param name="batch">N.</param>
    /// <param name="size">W, H, D; multiples of the manifest's stride.</param>
    /// <param name="cancellation">As in <see cref="IPatchNetwork.Run"/>.</param>
    ISharedFeatures ComputeTrunk(ReadOnlySpan<float> patches, int batch, Size3 size, CancellationToken cancellation = default);

    /// <summary>Computes the head.</summary>
    /// <param name="features">Of <see cref="ComputeTrunk"/>.</param>
    /// <param name="noise">One draw of all noise inputs.</param>
    /// <param name="logits">(N, K, D, H, W), overwritten.</param>
    /// <param name="cancellation">As in <see cref="IPatchNetwork.Run"/>.</param>
    void ComputeHead(ISharedFeatures features, NoiseSample noise, Span<float> logits, CancellationToken cancellation = default);

    /// <summary>Takes features of a linear head that were put together elsewhere, such as those of a whole volume.</summary>
    /// <param name="features">(F, D, H, W); kept.</param>
    /// <param name="channels">F.</param>
    /// <param name="size">W, H, D; any.</param>
    ISharedFeatures Hold(float[] features, int channels, Size3 size);
}

/// <summary>Output of a trunk for one batch of patches, in the memory that the network runs in.</summary>
internal interface ISharedFeatures : IDisposable
{
    /// <summary>Bytes that it holds.</summary>
    long Bytes { get; }

    /// <summary>Features of a linear head on the host, (N, F, D, H, W); of a device, a copy.</summary>
    ReadOnlySpan<float> Values { get; }

    /// <summary>F of a linear head.</summary>
    int Channels { get; }
}
