using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Planning;

/// <summary>Turns a fingerprint into a plan by stated rules.</summary>
/// <remarks>The rules follow Isensee et al. 2021 (nnU-Net), with patches and batches sized for a CPU.</remarks>
internal static class Planner
{
    private const int MaximumPools = 4;
    private const int SmallestPooledEdge = 8; // an axis is halved while at least 2 x 4 voxels remain
    private const long PatchBudget = 48 * 48 * 48;
    private const long BatchBudget = 180_000; // voxels a step
    private const double AnisotropyLimit = 2;

    /// <summary>Makes the plan.</summary>
    /// <param name="dataset">Its channels and classes.</param>
    /// <param name="fingerprint">Of its training cases.</param>
    /// <param name="surroundingAir">Of them: <see cref="FingerprintBuilder.SurroundingAir"/>.</param>
    public static TrainingPlan Plan(Dataset dataset, TrainingFingerprint fingerprint, double surroundingAir)
    {
        double[] spacing = [fingerprint.SpacingMedian.X, fingerprint.SpacingMedian.Y, fingerprint.SpacingMedian.Z];
        int[] size = [fingerprint.SizeMedian.Width, fingerprint.SizeMedian.Height, fingerprint.SizeMedian.Depth];

        var patch = InitialPatch(size, spacing);
        var (strides, kernels) = Topology(patch, spacing);
        for (var axis = 0; axis < 3; axis++)
        {
            var multiple = strides.Aggregate(1, (p, s) => p * s[axis]);
            patch[axis] = (patch[axis] + multiple - 1) / multiple * multiple;
        }

        var voxels = (long)patch[0] * patch[1] * patch[2];
        var batch = (int)Math.Clamp(BatchBudget / voxels, 2, 8);
        var (crop, cropReason) = IntensityRules.Crop(dataset.Channels, fingerprint);
        var (interpolation, interpolationReason) = IntensityRules.Resampling();
        var (normalisation, normalisationReason) = IntensityRules.Normalisation(dataset.Channels, fingerprint, surroundingAir);
        return new()
        {
            Name = dataset.Name,
            Channels = dataset.Channels,
            Classes = dataset.Classes,
            Spacing = fingerprint.SpacingMedian,
            Interpolation = interpolation,
            Crop = crop,
            Normalisation = normalisation,
            PatchSize = new(patch[0], patch[1], patch[2]),
            BatchSize = batch,
            Width = 16,
            Strides = [.. strides.Select(Reversed)],
            Kernels = [.. kernels.Select(Reversed)],
            Reasons = new Dictionary<string, string>
            {
                ["spacing"] = $"median of {fingerprint.Cases} cases, axis by axis",
                ["interpolation"] = interpolationReason,
                ["crop"] = cropReason,
                ["normalisation"] = normalisationReason,
                ["patchSize"] = $"the median volume ({fingerprint.SizeMedian}) where it has at most {PatchBudget} voxels, else a block of about that many "
                    + "with equal edges in mm; rounded up to the network's stride",
                ["batchSize"] = $"about {BatchBudget} voxels a step, from 2 to 8 patches",
                ["width"] = "fits two CPU cores; doubled at every level",
                ["strides"] = $"an axis is halved while it has at least {SmallestPooledEdge} voxels and its spacing is within {AnisotropyLimit} x the finest; at most {MaximumPools} times",
                ["kernels"] = $"3 along an axis whose spacing at that level is within {AnisotropyLimit} x the finest, else 1",
            },
        };
    }

    private static int[] InitialPatch(int[] size, double[] spacing)
    {
        if ((long)size[0] * size[1] * size[2] <= PatchBudget)
        {
            return [.. size];
        }

        // A cube in millimetres with the budgeted number of voxels, no edge longer than the volume; what a short axis leaves goes to the others.
        var edge = Math.Cbrt(PatchBudget * spacing[0] * spacing[1] * spacing[2]);
        for (var round = 0; round < 3; round++)
        {
            var patch = Patch(edge);
            edge *= Math.Cbrt((double)PatchBudget / ((long)patch[0] * patch[1] * patch[2]));
        }

        return Patch(edge);

        int[] Patch(double mm) => [.. Enumerable.Range(0, 3).Select(a => Math.Clamp((int)(mm / spacing[a]), 1, size[a]))];
    }

    private static (List<int[]> Strides, List<int[]> Kernels) Topology(int[] patch, double[] spacing)
    {
        var (edges, distances) = ((int[])patch.Clone(), (double[])spacing.Clone());
        List<int[]> strides = [];
        List<int[]> kernels = [Kernel(distances)];
        while (strides.Count < MaximumPools)
        {
            var poolable = Enumerable.Range(0, 3).Where(a => edges[a] >= SmallestPooledEdge).ToList();
            if (poolable.Count == 0)
            {
                break;
            }

            var finest = poolable.Min(a => distances[a]);
            int[] stride = [.. Enumerable.Range(0, 3).Select(a => poolable.Contains(a) && distances[a] <= AnisotropyLimit * finest ? 2 : 1)];
            strides.Add(stride);
            for (var a = 0; a < 3; a++)
            {
                edges[a] = (edges[a] + stride[a] - 1) / stride[a];
                distances[a] *= stride[a];
            }

            kernels.Add(Kernel(distances));
        }

        return (strides, kernels);

        static int[] Kernel(double[] spacing) => [.. spacing.Select(s => s <= AnisotropyLimit * spacing.Min() ? 3 : 1)];
    }

    /// <summary>(W, H, D) to (D, H, W).</summary>
    private static IReadOnlyList<long> Reversed(int[] axes) => [axes[2], axes[1], axes[0]];
}
