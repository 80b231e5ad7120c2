using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Exporter;

/// <summary>Computes the self-test of a graph with ONNX Runtime on the CPU.</summary>
internal static class GoldenNumbers
{
    private const ulong Seed = 20261124;
    private const int Sample = 1; // of an ensemble, not the default member
    private const int Count = 64;

    /// <summary>Runs the graph with the defaults and with one draw.</summary>
    /// <param name="graph">The ONNX file, with or without metadata.</param>
    /// <param name="manifest">Complete but for the self-test.</param>
    public static SelfTestDescription Compute(byte[] graph, ModelManifest manifest)
    {
        var stride = manifest.Stride;
        var test = new SelfTestDescription
        {
            Seed = Seed,
            PatchSize = new Size3(2 * stride.Width, 2 * stride.Height, 2 * stride.Depth), // instance norm needs two voxels at the lowest level
            Sample = Sample,
            Positions = [],
            DefaultLogits = [],
            SampledLogits = [],
            // Weights in float16 are the same numbers everywhere; convolutions in float16 round where the provider likes.
            Tolerance = ExportProof.Tolerance(manifest.Precision == WeightPrecision.Float16 ? WeightPrecision.Float16 : WeightPrecision.Float32),
        };
        var total = (int)test.PatchSize.Count * manifest.Classes.Count;
        var (count, step) = (Math.Min(Count, total), total / Math.Min(Count, total));
        int[] positions = [.. Enumerable.Range(0, count).Select(n => (int)((long)n * total / count) + n % step)]; // ascending, and not all in one column
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR }; // warns of every default: docs/decisions/0030-no-defaults-in-memory.md
        using var session = new InferenceSession(graph, options);
        float[] Run(NoiseSample? noise)
        {
            long[] shape = [1, manifest.Channels.Count, test.PatchSize.Depth, test.PatchSize.Height, test.PatchSize.Width];
            var values = new Dictionary<string, OrtValue> { ["image"] = OrtValue.CreateTensorValueFromMemory(test.DrawPatch(manifest.Channels.Count), shape) };
            try
            {
                if (noise is not null)
                {
                    foreach (var (input, tensor) in manifest.NoiseInputs.Zip(noise.Tensors))
                    {
                        values.Add(input.Name, OrtValue.CreateTensorValueFromMemory(tensor, [.. input.Shape]));
                    }

                    if (manifest.Members > 1)
                    {
                        values.Add(ModelManifest.MemberInput, OrtValue.CreateTensorValueFromMemory(new long[] { noise.Member }, []));
                    }
                }

                using var run = new RunOptions();
                using var outputs = session.Run(run, values, ["logits"]);
                var logits = outputs[0].GetTensorDataAsSpan<float>();
                var found = new float[positions.Length];
                for (var n = 0; n < found.Length; n++)
                {
                    found[n] = logits[positions[n]];
                }

                return found;
            }
            finally
            {
                foreach (var value in values.Values)
                {
                    value.Dispose();
                }
            }
        }

        return test with { Positions = positions, DefaultLogits = Run(null), SampledLogits = Run(NoiseSample.Draw(manifest, Seed, Sample)) };
    }
}
