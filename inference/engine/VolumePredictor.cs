using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.Inference.Windows;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>What the network says about one case, on the grid of the scan.</summary>
public sealed record Prediction
{
    /// <summary>A label a voxel.</summary>
    public required LabelMap Segmentation { get; init; }

    /// <summary>Mean probability of each foreground class, in the order of the manifest.</summary>
    public required IReadOnlyList<Volume> Probabilities { get; init; }

    /// <summary>H[mean p], nats: total uncertainty.</summary>
    public required Volume PredictiveEntropy { get; init; }

    /// <summary>H[mean p] - mean H[p], nats: the part that more training data would remove. 0 everywhere for a plain network.</summary>
    public required Volume MutualInformation { get; init; }

    /// <summary>Volume in mL of each foreground class in each sample: [class][sample].</summary>
    public required IReadOnlyList<IReadOnlyList<double>> SampleVolumes { get; init; }

    /// <summary>Number of patches of the sliding window.</summary>
    public required int Patches { get; init; }

    /// <summary>Number of samples: 1 for a plain network.</summary>
    public required int Samples { get; init; }
}

/// <summary>Runs sliding window and Monte Carlo samples over a prepared case. Knows nothing of files, ONNX or libtorch.</summary>
public static class VolumePredictor
{
    /// <summary>Predicts one case.</summary>
    /// <param name="prepared">The case.</param>
    /// <param name="network">The network.</param>
    /// <param name="manifest">The recipe.</param>
    /// <param name="options">Samples, seed, overlap.</param>
    /// <param name="progress">Receives the share that is done, from 0 to 1.</param>
    /// <param name="cancellation">Checked before each run of the network.</param>
    public static Prediction Predict(
        PreparedVolume prepared, IPatchNetwork network, ModelManifest manifest, PredictOptions options, IProgress<double>? progress, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(options.Samples);
        var classes = manifest.Classes.Count;
        var size = prepared.Geometry.Size;
        var voxels = checked((int)size.Count);
        var isSampled = manifest.NoiseInputs.Count > 0 && options.Samples > 0;
        var samples = isSampled ? options.Samples : 1;

        var window = new SlidingWindow(size, manifest.PatchSize, manifest.Channels.Count, classes, options.Overlap ?? manifest.Overlap, options.BatchSize);
        var statistics = new SampleStatistics(classes, voxels);
        var logits = new float[checked(classes * voxels)];
        var sampleVolumes = Enumerable.Range(1, classes - 1).Select(_ => new List<double>(samples)).ToList();
        var done = 0;
        for (var sample = 0; sample < samples; sample++)
        {
            var noise = isSampled ? NoiseSample.Draw(manifest.NoiseInputs, options.Seed, sample) : null;
            window.Run(network, prepared.Voxels, noise, logits,
                n => progress?.Report((double)(done += n) / ((long)samples * window.PatchCount)), cancellation);
            statistics.Add(logits, manifest.Calibration.Temperature);
            var labels = Decide(c => logits.AsSpan((c + 1) * voxels, voxels), classes - 1, voxels, manifest);
            for (var c = 1; c < classes; c++)
            {
                sampleVolumes[c - 1].Add(labels.Count(l => l == c) * prepared.Geometry.VoxelVolume / 1000);
            }
        }

        var entropy = statistics.PredictiveEntropy();
        var probabilities = Enumerable.Range(1, classes - 1).Select(c => Preprocessing.Restore(prepared, statistics.MeanProbability(c))).ToList();
        return new()
        {
            Segmentation = Segment(probabilities, manifest),
            Probabilities = probabilities,
            PredictiveEntropy = Preprocessing.Restore(prepared, entropy),
            MutualInformation = Preprocessing.Restore(prepared, statistics.MutualInformation(entropy)),
            SampleVolumes = sampleVolumes,
            Patches = window.PatchCount,
            Samples = samples,
        };
    }

    /// <summary>Decides which voxels are foreground, by the threshold and the minimum lesion size of the manifest.</summary>
    /// <param name="probabilities">Of each foreground class, in the order of the manifest, on one grid.</param>
    /// <param name="manifest">The recipe.</param>
    public static LabelMap Segment(IReadOnlyList<Volume> probabilities, ModelManifest manifest)
    {
        var grid = probabilities[0].Geometry;
        var decided = Decide(c => probabilities[c].Voxels, probabilities.Count, (int)grid.Size.Count, manifest);
        RemoveSmallLesions(decided, grid.Size, manifest.Calibration.MinimumLesionVoxels);
        return new(grid, [.. decided.Select(c => manifest.Classes[c].Label)]);
    }

    private delegate ReadOnlySpan<float> ClassProbability(int foregroundClass);

    /// <summary>Class index a voxel: the most probable foreground class where all of them together exceed the threshold.</summary>
    private static byte[] Decide(ClassProbability probability, int foreground, int voxels, ModelManifest manifest)
    {
        var decided = new byte[voxels];
        var sum = new float[voxels];
        var best = new float[voxels];
        for (var c = 0; c < foreground; c++)
        {
            var p = probability(c);
            for (var v = 0; v < voxels; v++)
            {
                sum[v] += p[v];
                if (p[v] > best[v])
                {
                    (best[v], decided[v]) = (p[v], (byte)(c + 1));
                }
            }
        }

        var threshold = (float)manifest.Calibration.Threshold;
        for (var v = 0; v < voxels; v++)
        {
            decided[v] = sum[v] > threshold ? decided[v] : (byte)0;
        }

        return decided;
    }

    private static void RemoveSmallLesions(byte[] labels, Size3 size, int minimum)
    {
        if (minimum <= 1)
        {
            return;
        }

        var (components, counts) = ConnectedComponents.Label(labels.Select(l => l != 0).ToArray(), size);
        for (var v = 0; v < labels.Length; v++)
        {
            if (components[v] != 0 && counts[components[v] - 1] < minimum)
            {
                labels[v] = 0;
            }
        }
    }
}
