using System.Runtime.InteropServices;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Inference;

/// <summary>Runs a model file with ONNX Runtime on the CPU. Thread-safe.</summary>
public sealed class OnnxNetwork : IPatchNetwork, IDisposable
{
    private const string ImageInput = "image";
    private const string LogitsOutput = "logits";

    private readonly InferenceSession session;
    private readonly ModelManifest manifest;
    private readonly string[] namesWithNoise;

    /// <summary>Loads the network.</summary>
    /// <param name="model">The model file.</param>
    /// <param name="threads">Threads of one run; 0 takes one a core.</param>
    /// <exception cref="ModelFileException">ONNX Runtime refuses the graph.</exception>
    public OnnxNetwork(ModelFile model, int threads = 0)
    {
        manifest = model.Manifest;
        namesWithNoise = [ImageInput, .. manifest.NoiseInputs.Select(n => n.Name)];
        try
        {
            using var options = new SessionOptions { IntraOpNumThreads = threads, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            session = new InferenceSession(model.Bytes, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelFileException(model.Path, $"a graph that ONNX Runtime refuses ({e.Message})", "a model written by credence-export", "Export it again.", e);
        }
    }

    /// <inheritdoc/>
    public unsafe void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits)
    {
        var (c, k) = (manifest.Channels.Count, manifest.Classes.Count);
        if (patches.Length != batch * c * size.Count || logits.Length != batch * k * size.Count)
        {
            throw new ArgumentException($"{patches.Length} patch and {logits.Length} logit values do not fit {batch} patches of {size}, {c} channels and {k} classes.");
        }

        using var run = new RunOptions();
        // The spans may lie on the stack or in any array: they are pinned for the time of the run, and nothing is copied.
        fixed (float* input = patches)
        fixed (float* output = logits)
        {
            var memory = OrtMemoryInfo.DefaultInstance;
            using var image = OrtValue.CreateTensorValueWithData(memory, Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float,
                [batch, c, size.Depth, size.Height, size.Width], (nint)input, sizeof(float) * (long)patches.Length);
            using var result = OrtValue.CreateTensorValueWithData(memory, Microsoft.ML.OnnxRuntime.Tensors.TensorElementType.Float,
                [batch, k, size.Depth, size.Height, size.Width], (nint)output, sizeof(float) * (long)logits.Length);
            var values = new List<OrtValue> { image };
            try
            {
                if (noise is not null)
                {
                    foreach (var (description, tensor) in manifest.NoiseInputs.Zip(noise.Tensors))
                    {
                        values.Add(OrtValue.CreateTensorValueFromMemory(tensor, [.. description.Shape]));
                    }
                }

                session.Run(run, noise is null ? [ImageInput] : namesWithNoise, values, [LogitsOutput], [result]);
            }
            finally
            {
                foreach (var value in values.Skip(1))
                {
                    value.Dispose();
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => session.Dispose();
}
