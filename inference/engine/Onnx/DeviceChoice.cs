using System.Globalization;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Inference.Onnx;

/// <summary>A network on the device that was asked for, or on the CPU and the reason why.</summary>
/// <param name="Network">Loaded; the caller disposes it.</param>
/// <param name="Device">What it runs on.</param>
/// <param name="Warning">Why that is not what was asked for; null when it is.</param>
internal sealed record DeviceChoice(OnnxNetwork Network, InferenceDevice Device, string? Warning)
{
    /// <summary>
    /// Loads a model. One rule: a device that is not there, that refuses the graph, or whose logits are not the golden numbers of the file, is replaced by
    /// the CPU, with a warning.
    /// </summary>
    /// <param name="model">The model file.</param>
    /// <param name="asked">What to run on.</param>
    /// <param name="open">Loads the model on a device.</param>
    /// <exception cref="ModelFileException">The CPU refuses the graph.</exception>
    public static DeviceChoice Open(ModelFile model, InferenceDevice asked, Func<InferenceDevice, OnnxNetwork> open)
    {
        if (asked.Provider == ExecutionProvider.Cpu)
        {
            return new(open(asked), asked, Warning: null);
        }

        OnnxNetwork? network = null;
        string reason;
        try
        {
            network = open(asked);
            var ((difference, where), tolerance) = (LargestDifference(network, model.Manifest), model.Manifest.SelfTest!.Tolerance);
            if (difference <= tolerance)
            {
                return new(network, asked, Warning: null);
            }

            reason = string.Create(CultureInfo.InvariantCulture, $"its logits differ from the golden numbers of the model by {difference:G3} of the largest, at {where} (tolerance {tolerance:G3})");
        }
        catch (Exception e) when (e is OnnxRuntimeException or ModelFileException or NotSupportedException or DllNotFoundException or EntryPointNotFoundException)
        {
            reason = e.Message;
        }

        network?.Dispose();
        return new(open(InferenceDevice.Cpu), InferenceDevice.Cpu, $"{asked} was asked for, and the model runs on the CPU: {reason.TrimEnd('.')}.");
    }

    /// <summary>Runs the self-test of a model: the whole graph with its defaults and with a sample, and the sample through trunk and head where there are both.</summary>
    /// <param name="network">The model on some device.</param>
    /// <param name="manifest">Has the golden numbers.</param>
    /// <param name="cancellation">Ends the work.</param>
    /// <returns>The largest difference, as a share of the largest golden number (at least 1): <see cref="SelfTestDescription.Tolerance"/>; and where it is.</returns>
    public static (double Size, string Where) LargestDifference(OnnxNetwork network, ModelManifest manifest, CancellationToken cancellation = default)
    {
        var test = manifest.SelfTest!;
        var patch = test.DrawPatch(manifest.Channels.Count);
        var logits = new float[manifest.Classes.Count * test.PatchSize.Count];
        var scale = Math.Max(1, test.DefaultLogits.Concat(test.SampledLogits).Max(Math.Abs));
        (double Size, string Where) largest = (-1, "");
        void Compare(IReadOnlyList<float> golden, string run)
        {
            foreach (var (position, expected) in test.Positions.Zip(golden))
            {
                var size = float.IsFinite(logits[position]) ? Math.Abs(logits[position] - expected) / scale : double.PositiveInfinity;
                if (size > largest.Size)
                {
                    var (patchSize, voxel) = (test.PatchSize, position % test.PatchSize.Count);
                    var place = (voxel % patchSize.Width, voxel / patchSize.Width % patchSize.Height, voxel / patchSize.Width / patchSize.Height);
                    largest = (size, $"class {position / patchSize.Count}, voxel {place} of its patch, {run}");
                }
            }
        }

        network.Run(patch, 1, test.PatchSize, null, logits, cancellation);
        Compare(test.DefaultLogits, "default noise");
        if (manifest.IsSampled)
        {
            using var noise = NoiseSample.Draw(manifest, test.Seed, test.Sample);
            network.Run(patch, 1, test.PatchSize, noise, logits, cancellation);
            Compare(test.SampledLogits, $"sample {test.Sample}");
            if (network.HasSharedTrunk)
            {
                using var features = network.ComputeTrunk(patch, 1, test.PatchSize, cancellation);
                network.ComputeHead(features, noise, logits, cancellation);
                Compare(test.SampledLogits, $"sample {test.Sample} through trunk and head");
            }
        }

        return largest;
    }
}
