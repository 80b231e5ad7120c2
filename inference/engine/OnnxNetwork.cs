using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Credence.Inference;

/// <summary>Runs a model file with ONNX Runtime on the CPU, cut into trunk and head where samples can share a trunk. Thread-safe.</summary>
/// <remarks>The whole graph is loaded only where something asks for it: the posterior mean, or a model that cannot be cut.</remarks>
internal sealed class OnnxNetwork : ISharedTrunkNetwork, IDisposable
{
    private const string ImageInput = "image";
    private const string LogitsOutput = "logits";

    private readonly ModelManifest manifest;
    private readonly Lazy<InferenceSession> whole;
    private readonly Lazy<NoiseSample> defaults;
    private readonly Lazy<long> activationBytes;
    private readonly GraphCut? cut;
    private readonly InferenceSession? trunk;
    private readonly InferenceSession? head;

    /// <summary>Loads the network.</summary>
    /// <param name="model">The model file.</param>
    /// <param name="threads">Threads of one run; 0 takes one a core.</param>
    /// <param name="provider">What it runs on.</param>
    /// <exception cref="ModelFileException">ONNX Runtime refuses the graph.</exception>
    /// <exception cref="NotSupportedException">This build of ONNX Runtime does not have the provider.</exception>
    public OnnxNetwork(ModelFile model, int threads = 0, ExecutionProvider provider = ExecutionProvider.Cpu)
    {
        manifest = model.Manifest;
        defaults = new(() => NoiseSample.Defaults(manifest));
        activationBytes = new(() => ActivationMemory.Estimate(model.Bytes, manifest.PatchSize, manifest.Channels.Count));
        var bytes = manifest.IsSampled ? VariedInputs.WithoutDefaults(model.Bytes, manifest) : model.Bytes;
        whole = new(() => Open(model, bytes, threads, provider));
        cut = GraphCut.Find(bytes, VariedInputs.Names(manifest));
        if (cut is null)
        {
            _ = whole.Value; // a graph that ONNX Runtime refuses is found on loading
            return;
        }

        trunk = Open(model, cut.Trunk, threads, provider);
        try
        {
            head = Open(model, cut.Head, threads, provider);
        }
        catch
        {
            trunk.Dispose();
            throw;
        }
    }

    /// <summary>What one patch needs inside the network at the fullest moment.</summary>
    public long ActivationBytes => activationBytes.Value;

    /// <inheritdoc/>
    public bool HasSharedTrunk => cut is not null;

    /// <inheritdoc/>
    public bool IsHeadLinear => cut is { IsHeadLinear: true };

    /// <inheritdoc/>
    public unsafe void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits, CancellationToken cancellation = default)
    {
        var k = manifest.Classes.Count;
        if (logits.Length != batch * k * size.Count)
        {
            throw new ArgumentException($"{logits.Length} logit values do not fit {batch} patches of {size} and {k} classes.");
        }

        // The spans may lie on the stack or in any array: they are pinned for the time of the run, and nothing is copied.
        fixed (float* input = patches)
        fixed (float* output = logits)
        {
            using var image = Image(patches, batch, size, input);
            using var result = Floats([batch, k, size.Depth, size.Height, size.Width], output);
            Run(whole.Value, [(ImageInput, image)], noise, [result], cancellation);
        }
    }

    /// <inheritdoc/>
    public unsafe ISharedFeatures ComputeTrunk(ReadOnlySpan<float> patches, int batch, Size3 size, CancellationToken cancellation = default)
    {
        var names = Cut.Shared.Where(name => name != ImageInput).ToList();
        fixed (float* input = patches)
        {
            using var image = Image(patches, batch, size, input);
            var outputs = Terminable(run => trunk!.Run(run, [ImageInput], [image], names), cancellation);
            var copy = names.Count < Cut.Shared.Count ? Copy(image) : null;
            var tensors = names.Zip(outputs).ToList();
            return new Features(copy is null ? tensors : [.. tensors, (ImageInput, copy)], outputs, copy, batch, size);
        }
    }

    /// <inheritdoc/>
    public unsafe void ComputeHead(ISharedFeatures features, NoiseSample noise, Span<float> logits, CancellationToken cancellation = default)
    {
        var given = (Features)features;
        fixed (float* output = logits)
        {
            using var result = Floats([given.Batch, manifest.Classes.Count, given.Size.Depth, given.Size.Height, given.Size.Width], output);
            Run(head!, given.Tensors, noise, [result], cancellation);
        }
    }

    /// <inheritdoc/>
    public unsafe void ComputeHead(float[] features, int channels, Size3 size, NoiseSample noise, Span<float> logits, CancellationToken cancellation = default)
    {
        fixed (float* input = features)
        fixed (float* output = logits)
        {
            using var shared = Floats([1, channels, size.Depth, size.Height, size.Width], input);
            using var result = Floats([1, manifest.Classes.Count, size.Depth, size.Height, size.Width], output);
            Run(head!, [(Cut.Shared[0], shared)], noise, [result], cancellation);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (whole.IsValueCreated)
        {
            whole.Value.Dispose();
        }

        trunk?.Dispose();
        head?.Dispose();
    }

    private GraphCut Cut => cut ?? throw new InvalidOperationException("The samples of this model share no trunk.");

    private static InferenceSession Open(ModelFile model, byte[] bytes, int threads, ExecutionProvider provider)
    {
        try
        {
            using var options = new SessionOptions { IntraOpNumThreads = threads };
            Append(options, provider);
            return new InferenceSession(bytes, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelFileException(model.Path, $"a graph that ONNX Runtime refuses ({e.Message})", "a model written by credence-export", "Export it again.", e);
        }
    }

    private static void Append(SessionOptions options, ExecutionProvider provider)
    {
        var (name, append) = provider switch
        {
            ExecutionProvider.Cpu => ("CPUExecutionProvider", (Action)(() => { })), // is always appended last
            ExecutionProvider.Cuda => ("CUDAExecutionProvider", () => options.AppendExecutionProvider_CUDA()),
            ExecutionProvider.TensorRt => ("TensorrtExecutionProvider", () => options.AppendExecutionProvider_Tensorrt()),
            ExecutionProvider.DirectMl => ("DmlExecutionProvider", () => options.AppendExecutionProvider_DML()),
            ExecutionProvider.OpenVino => ("OpenVINOExecutionProvider", () => options.AppendExecutionProvider_OpenVINO()),
            _ => throw new ArgumentOutOfRangeException(nameof(provider), provider, "no such provider"),
        };
        var available = OrtEnv.Instance().GetAvailableProviders();
        if (!available.Contains(name))
        {
            throw new NotSupportedException($"this build of ONNX Runtime has {string.Join(", ", available)}");
        }

        append();
    }

    private unsafe OrtValue Image(ReadOnlySpan<float> patches, int batch, Size3 size, float* pinned)
    {
        var c = manifest.Channels.Count;
        return patches.Length == batch * c * size.Count
            ? Floats([batch, c, size.Depth, size.Height, size.Width], pinned)
            : throw new ArgumentException($"{patches.Length} values do not fit {batch} patches of {size} and {c} channels.");
    }

    private static unsafe OrtValue Floats(long[] shape, float* values) => OrtValue.CreateTensorValueWithData(
        OrtMemoryInfo.DefaultInstance, TensorElementType.Float, shape, (nint)values, sizeof(float) * shape.Aggregate(1L, (product, edge) => product * edge));

    private static OrtValue Copy(OrtValue value)
    {
        var copy = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, TensorElementType.Float, value.GetTensorTypeAndShape().Shape);
        value.GetTensorDataAsSpan<float>().CopyTo(copy.GetTensorMutableDataAsSpan<float>());
        return copy;
    }

    /// <summary>Runs something that another thread may end.</summary>
    private static T Terminable<T>(Func<RunOptions, T> work, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        using var run = new RunOptions();
        using var registration = cancellation.Register(() => run.Terminate = true); // looked at before each node of the graph
        try
        {
            return work(run);
        }
        catch (OnnxRuntimeException e) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException("The run of the network was cancelled.", e, cancellation);
        }
    }

    /// <summary>Runs one part. Without a sample, every source of randomness has its default: the posterior mean, of the first member.</summary>
    private void Run(InferenceSession session, IEnumerable<(string Name, OrtValue Value)> inputs, NoiseSample? noise, IReadOnlyCollection<OrtValue> outputs, CancellationToken cancellation)
    {
        var (names, values, drawn) = (new List<string>(), new List<OrtValue>(), new List<OrtValue>());
        foreach (var (name, value) in inputs)
        {
            names.Add(name);
            values.Add(value);
        }

        try
        {
            noise ??= defaults.Value;
            foreach (var (description, tensor) in manifest.NoiseInputs.Zip(noise.Tensors))
            {
                names.Add(description.Name);
                drawn.Add(OrtValue.CreateTensorValueFromMemory(tensor, [.. description.Shape]));
            }

            if (manifest.Members > 1)
            {
                names.Add(ModelManifest.MemberInput);
                drawn.Add(OrtValue.CreateTensorValueFromMemory([(long)noise.Member], []));
            }

            Terminable(run =>
            {
                session.Run(run, names, [.. values, .. drawn], [LogitsOutput], outputs);
                return true;
            }, cancellation);
        }
        finally
        {
            drawn.ForEach(d => d.Dispose());
        }
    }

    /// <summary>Tensors by name: those of the trunk belong to the outputs of its run, the scan is a copy.</summary>
    private sealed class Features(IReadOnlyList<(string Name, OrtValue Value)> tensors, IDisposable outputs, OrtValue? copy, int batch, Size3 size) : ISharedFeatures
    {
        public IReadOnlyList<(string Name, OrtValue Value)> Tensors => tensors;

        public int Batch => batch;

        public Size3 Size => size;

        public long Bytes { get; } = tensors.Sum(t => sizeof(float) * t.Value.GetTensorTypeAndShape().ElementCount);

        public ReadOnlySpan<float> Values => tensors[0].Value.GetTensorDataAsSpan<float>();

        public int Channels { get; } = (int)tensors[0].Value.GetTensorTypeAndShape().Shape[1];

        public void Dispose()
        {
            outputs.Dispose();
            copy?.Dispose();
        }
    }
}
