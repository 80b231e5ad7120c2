using System.Globalization;
using System.Numerics;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference.Sampling;

/// <summary>How a prediction is kept within a number of bytes.</summary>
/// <param name="BatchSize">Patches a run of the network.</param>
/// <param name="FeatureMemory">Bytes that shared features may hold.</param>
/// <param name="BlendMemory">Bytes that blended features may hold: the head then runs over all of them at once, which takes as much again and more.</param>
internal sealed record MemoryPlan(int BatchSize, long FeatureMemory, long BlendMemory)
{
    private const long Overhead = 32L << 20; // heaps and thread stacks that a first prediction brings about; measured by MemoryTests as 20 to 25 MB
    private const int Growth = 2; // ONNX Runtime's arena grows by powers of two: half of it may be empty
    private const int BlendGrowth = 4; // the features, and the tensors of the head in an arena

    /// <summary>Plans.</summary>
    /// <param name="grid">Voxels as the network sees them.</param>
    /// <param name="source">Voxels of the scan as it was read.</param>
    /// <param name="manifest">The model.</param>
    /// <param name="network">Its network.</param>
    /// <param name="options">Asked for; without <see cref="PredictOptions.Memory"/> they are taken as they are.</param>
    /// <exception cref="InvalidScanException">The least that the case needs is above the memory given.</exception>
    public static MemoryPlan Of(Size3 grid, Size3 source, ModelManifest manifest, IPatchNetwork network, PredictOptions options)
    {
        var copies = 1 << BitOperations.PopCount((uint)options.Flips);
        if (options.Memory is not { } memory)
        {
            return new(options.BatchSize, options.FeatureMemory / copies, options.FeatureMemory / copies);
        }

        var (voxels, scan, patch) = (grid.Count, source.Count, manifest.PatchSize.Count);
        var (channels, classes) = (manifest.Channels.Count, manifest.Classes.Count);
        var onGrid = sizeof(float) * (copies * (channels + 1) + 2 * classes + (copies > 1 ? 2 * classes : 0) + 4) + 2; // input and weights a copy; logits, sums, maps, lesions of a sample; decisions
        var onScan = sizeof(float) * (3 * channels + classes + 4) + 2; // steps of preprocessing; maps, numbers of lesions; labels
        var least = checked(voxels * onGrid + scan * onScan) + Overhead;
        var ofPatch = sizeof(float) * copies * patch * (channels + classes) + Growth * network.ActivationBytes;
        if (memory < least + ofPatch)
        {
            throw new InvalidScanException("the case", string.Create(CultureInfo.InvariantCulture, $"a prediction of {grid} voxels that needs {Gibibytes(least + ofPatch)} GiB"),
                string.Create(CultureInfo.InvariantCulture, $"at most {Gibibytes(memory)} GiB"), copies > 1 ? "Give more memory, or leave out flips." : "Give more memory, or crop the scan.");
        }

        var batch = (int)Math.Clamp((memory - least) / ofPatch, 1, options.BatchSize);
        var rest = memory - least - batch * ofPatch;
        return new(batch, Math.Min(options.FeatureMemory, rest / Growth) / copies, Math.Min(options.FeatureMemory, rest / BlendGrowth) / copies);
    }

    /// <summary>Rounded up, so that what is named is enough.</summary>
    private static string Gibibytes(long bytes) => (Math.Ceiling(bytes * 1000.0 / (1L << 30)) / 1000).ToString("0.000", CultureInfo.InvariantCulture);
}
