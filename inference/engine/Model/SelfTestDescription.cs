using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference.Model;

/// <summary>Golden numbers, so that an engine can check an execution provider on the user's machine: what ONNX Runtime on the CPU gave when the file was exported.</summary>
internal sealed record SelfTestDescription
{
    private const int PatchIndex = -1; // 0xFFFFFFFF: no noise input has that position

    /// <summary>Key of the generator, of the patch and of the noise.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Size of the one patch, a multiple of the stride.</summary>
    public required Size3 PatchSize { get; init; }

    /// <summary>Number of the sample that <see cref="SampledLogits"/> were computed with: its noise, and its member of an ensemble.</summary>
    public required int Sample { get; init; }

    /// <summary>Positions in the flattened logits (K, D, H, W) of the patch, ascending.</summary>
    public required IReadOnlyList<int> Positions { get; init; }

    /// <summary>Logits there with <c>image</c> alone.</summary>
    public required IReadOnlyList<float> DefaultLogits { get; init; }

    /// <summary>Logits there with the noise of <see cref="Sample"/>.</summary>
    public required IReadOnlyList<float> SampledLogits { get; init; }

    /// <summary>Largest difference to accept, as a share of the largest of these logits (at least 1).</summary>
    public required double Tolerance { get; init; }

    /// <summary>The patch: standard normals of the file's own generator, noise index 0xFFFFFFFF, sample 0.</summary>
    /// <param name="channels">C.</param>
    /// <returns>(1, C, D, H, W), flattened.</returns>
    public float[] DrawPatch(int channels) =>
        NoiseSample.Draw(new("image", NoiseDistribution.Gaussian, [1, channels, PatchSize.Depth, PatchSize.Height, PatchSize.Width]), PatchIndex, Seed, sample: 0);
}
