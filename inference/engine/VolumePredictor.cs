using System.Numerics;
using System.Text.Json.Serialization;
using Credence.Inference.Lesions;
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

    /// <summary>H[mean p], nats: total uncertainty, of the calibrated mean.</summary>
    public required Volume PredictiveEntropy { get; init; }

    /// <summary>H[mean p] - mean H[p], nats: the part that more training data would remove; of the samples as they were drawn, whatever the temperature. 0 everywhere for a plain network; of an ensemble, what its members disagree on.</summary>
    public required Volume MutualInformation { get; init; }

    /// <summary>The lesions, and how they vary over the samples.</summary>
    public required LesionTable Lesions { get; init; }

    /// <summary>Volume in mL of each foreground class in each sample: [class][sample].</summary>
    public required IReadOnlyList<IReadOnlyList<double>> SampleVolumes { get; init; }

    /// <summary>Number of patches that the network saw.</summary>
    public required int Patches { get; init; }

    /// <summary>Number of patches without tissue, which it did not see.</summary>
    public required int EmptyPatches { get; init; }

    /// <summary>Mirrored copies of the case in each sample, the case itself among them.</summary>
    public int Copies { get; init; } = 1;

    /// <summary>What the samples shared.</summary>
    public required SharedWork Shared { get; init; }

    /// <summary>Why no more samples were drawn.</summary>
    public required StopReason StoppedBy { get; init; }

    /// <summary>Number of samples: 1 for a plain network, at most one a member for an ensemble of plain ones.</summary>
    public required int Samples { get; init; }

    /// <summary>Whether the network gave finite numbers alone; without them there is no prediction.</summary>
    internal bool IsFinite { get; init; } = true;

    /// <summary>Mean of a map over the voxels of the segmentation that have a label; null where none has.</summary>
    internal double? MeanOver(byte label, Volume map)
    {
        var (sum, count, labels, voxels) = (0.0, 0L, Segmentation.Labels, map.Voxels);
        for (var v = 0; v < labels.Length; v++)
        {
            if (labels[v] == label)
            {
                (sum, count) = (sum + voxels[v], count + 1);
            }
        }

        return count > 0 ? sum / count : null;
    }
}

/// <summary>Why sampling ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<StopReason>))]
public enum StopReason
{
    /// <summary>All samples that were asked for were drawn.</summary>
    [JsonStringEnumMemberName("all-samples")]
    AllSamples,

    /// <summary>The foreground volume was settled.</summary>
    [JsonStringEnumMemberName("tolerance")]
    Tolerance,

    /// <summary>The time was used up.</summary>
    [JsonStringEnumMemberName("time-budget")]
    TimeBudget,

    /// <summary>Every member of an ensemble without noise of its own was run once: more samples would repeat them.</summary>
    [JsonStringEnumMemberName("all-members")]
    AllMembers,
}

/// <summary>Runs sliding window and Monte Carlo samples over a prepared case. Knows nothing of files, ONNX or libtorch.</summary>
internal static class VolumePredictor
{
    /// <summary>Predicts one case.</summary>
    /// <param name="prepared">The case.</param>
    /// <param name="network">The network.</param>
    /// <param name="manifest">The recipe.</param>
    /// <param name="options">Samples, seed, overlap, when to stop.</param>
    /// <param name="clock">Says when the time budget is used up.</param>
    /// <param name="progress">Receives the share that is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the work, also in the middle of a run of the network.</param>
    public static Prediction Predict(
        PreparedVolume prepared, IPatchNetwork network, ModelManifest manifest, PredictOptions options, TimeProvider clock, IProgress<double>? progress, CancellationToken cancellation)
    {
        var schedule = SampleSchedule.Of(manifest, options.Samples);
        var start = clock.GetTimestamp();
        var classes = manifest.Classes.Count;
        var size = prepared.Geometry.Size;
        var voxels = checked((int)size.Count);
        var (samples, isSampled) = (schedule.Samples, schedule.IsSampled);

        var plan = MemoryPlan.Of(size, prepared.Source.Size, manifest, network, options);
        SlidingWindow? first = null;
        var statistics = new SampleStatistics(classes, voxels);
        var logits = new float[checked(classes * voxels)];
        var sampleVolumes = Enumerable.Range(1, classes - 1).Select(_ => new List<double>(samples)).ToList();
        var foregrounds = new List<SampleForeground>(samples);
        var decided = new byte[voxels];
        var (sample, patchesDone) = (0, 0);
        var copies = 1 << BitOperations.PopCount((uint)options.Flips);
        using var sampler = new FlippedSampler(options.Flips, prepared.Voxels, size, classes, voxelsOfCopy =>
        {
            var window = new SlidingWindow(voxelsOfCopy, size, manifest.PatchSize, manifest.Channels.Count, options.Overlap ?? manifest.Overlap, plan.BatchSize);
            first ??= window;
            return new(network, window, classes, isSampled, plan.FeatureMemory, plan.BlendMemory, n =>
            {
                patchesDone += n;
                progress?.Report((sample + Math.Min(1, (double)patchesDone / (copies * first.PatchCount))) / samples);
            });
        });
        StopReason? stop = null;
        for (; stop is null; sample++, patchesDone = 0)
        {
            using var noise = isSampled ? NoiseSample.Draw(manifest, options.Seed, sample) : null;
            sampler.Compute(noise, logits, cancellation);
            statistics.Add(logits, manifest.Calibration.Temperature);
            Decide(c => logits.AsMemory((c + 1) * voxels, voxels), classes - 1, manifest, decided);
            foregrounds.Add(SampleForeground.Of(decided));
            for (var c = 1; c < classes; c++)
            {
                sampleVolumes[c - 1].Add(decided.AsSpan().Count((byte)c) * prepared.Geometry.VoxelVolume / 1000);
            }

            progress?.Report((sample + 1.0) / samples);
            stop = sample + 1 == samples ? schedule.AtEnd
                : options.Tolerance is { } tolerance && sample + 1 >= Math.Max(2, options.FewestSamples) && (sample + 1) % manifest.Members == 0 && IsSettled(sampleVolumes, tolerance) ? StopReason.Tolerance
                : clock.GetElapsedTime(start) > options.TimeBudget ? StopReason.TimeBudget : null;
        }

        cancellation.ThrowIfCancellationRequested(); // the report of the last sample may have asked for it
        var isFinite = statistics.IsFinite;
        var entropy = statistics.PredictiveEntropy();
        var information = statistics.MutualInformation(entropy);
        if (manifest.Calibration.Temperature is not 1.0 and var temperature)
        {
            statistics.Calibrate(temperature);
            entropy = statistics.PredictiveEntropy();
        }

        var probabilities = Enumerable.Range(1, classes - 1).Select(c => Preprocessing.Restore(prepared, statistics.MeanProbability(c))).ToList();
        var segmentation = Segment(probabilities, manifest);
        var (total, model) = (Preprocessing.Restore(prepared, entropy), Preprocessing.Restore(prepared, information));
        return new()
        {
            Segmentation = segmentation,
            Probabilities = probabilities,
            PredictiveEntropy = total,
            MutualInformation = model,
            Lesions = new LesionMeasurement(prepared, manifest, foregrounds).Measure(segmentation, probabilities, total, model, cancellation),
            SampleVolumes = sampleVolumes,
            Patches = first!.PatchCount,
            EmptyPatches = first.EmptyPatches,
            Copies = sampler.Copies,
            Shared = sampler.Shared,
            StoppedBy = stop.Value,
            Samples = sample,
            IsFinite = isFinite,
        };
    }

    /// <summary>Decides which voxels are foreground, by the threshold and the minimum lesion size of the manifest.</summary>
    /// <param name="probabilities">Of each foreground class, in the order of the manifest, on one grid.</param>
    /// <param name="manifest">The recipe.</param>
    public static LabelMap Segment(IReadOnlyList<Volume> probabilities, ModelManifest manifest)
    {
        var grid = probabilities[0].Geometry;
        var decided = new byte[grid.Size.Count];
        Decide(c => probabilities[c].Voxels.AsMemory(), probabilities.Count, manifest, decided);
        RemoveSmallLesions(decided, grid.Size, manifest.Calibration.MinimumLesionVoxels);
        return new(grid, [.. decided.Select(c => manifest.Classes[c].Label)]);
    }

    /// <summary>Class index a voxel: the most probable foreground class where all of them together exceed the threshold.</summary>
    private static void Decide(Func<int, ReadOnlyMemory<float>> probability, int foreground, ModelManifest manifest, byte[] decided)
    {
        const int Chunk = 1 << 12; // voxels whose sums and maxima stay in the first cache
        var (threshold, planes) = ((float)manifest.Calibration.Threshold, Enumerable.Range(0, foreground).Select(probability).ToArray());
        Parallel.For(0, (decided.Length + Chunk - 1) / Chunk, () => new float[2 * Chunk], (chunk, _, memory) =>
        {
            var (first, n) = (chunk * Chunk, Math.Min(Chunk, decided.Length - chunk * Chunk));
            var sum = memory.AsSpan(0, n);
            var best = memory.AsSpan(Chunk, n);
            var classes = decided.AsSpan(first, n);
            memory.AsSpan().Clear();
            classes.Clear();
            for (var c = 0; c < planes.Length; c++)
            {
                var plane = planes[c].Span.Slice(first, n);
                for (var v = 0; v < n; v++)
                {
                    sum[v] += plane[v];
                    if (plane[v] > best[v])
                    {
                        (best[v], classes[v]) = (plane[v], (byte)(c + 1));
                    }
                }
            }

            for (var v = 0; v < n; v++)
            {
                if (!(sum[v] > threshold))
                {
                    classes[v] = 0;
                }
            }

            return memory;
        }, _ => { });
    }

    /// <summary>Whether the standard error of the mean foreground volume is below a share of it; a volume that is 0 in all samples is settled.</summary>
    private static bool IsSettled(List<List<double>> volumes, double tolerance)
    {
        var totals = Enumerable.Range(0, volumes[0].Count).Select(s => volumes.Sum(v => v[s])).ToList();
        var mean = totals.Average();
        var variance = totals.Sum(t => (t - mean) * (t - mean)) / (totals.Count - 1);
        return Math.Sqrt(variance / totals.Count) <= tolerance * mean;
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
