using System.Globalization;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Credence.Inference;

/// <summary>Runs a model file with ONNX Runtime, cut into trunk and head where samples can share a trunk. Thread-safe.</summary>
/// <remarks>
/// The whole graph is loaded only where something asks for it: the posterior mean, or a model that cannot be cut. On a device with memory of its own, shared
/// features and the noise of a sample are brought there once; logits come back once a run.
/// </remarks>
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
    private readonly DeviceMemory? memory;

    /// <summary>Loads the network.</summary>
    /// <param name="model">The model file.</param>
    /// <param name="threads">Threads of one run; 0 takes one a core.</param>
    /// <param name="device">What it runs on; the processor when null.</param>
    /// <param name="openMemory">Opens the memory of the device, given how to load a graph on it.</param>
    /// <exception cref="ModelFileException">ONNX Runtime refuses the graph.</exception>
    /// <exception cref="NotSupportedException">This build of ONNX Runtime does not have the provider.</exception>
    public OnnxNetwork(ModelFile model, int threads = 0, InferenceDevice? device = null, Func<Func<byte[], InferenceSession>, DeviceMemory?>? openMemory = null)
    {
        manifest = model.Manifest;
        defaults = new(() => NoiseSample.Defaults(manifest));
        activationBytes = new(() => ActivationMemory.Estimate(model.Bytes, manifest.PatchSize, manifest.Channels.Count));
        var bytes = manifest.IsSampled ? VariedInputs.WithoutDefaults(model.Bytes, manifest) : model.Bytes;
        InferenceSession Load(byte[] graph) => Open(model, graph, threads, device ?? InferenceDevice.Cpu);
        whole = new(() => Load(bytes));
        cut = GraphCut.Find(bytes, VariedInputs.Names(manifest));
        try
        {
            (trunk, head) = cut is null ? (null, null) : (Load(cut.Trunk), Load(cut.Head));
            _ = cut is null ? whole.Value : null; // a graph that ONNX Runtime refuses is found on loading
            memory = openMemory is null ? DeviceMemory.Of(device ?? InferenceDevice.Cpu, Load) : openMemory(Load);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
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
            IReadOnlyCollection<OrtValue> outputs = Terminable(run => memory is null ? trunk!.Run(run, [ImageInput], [image], names) : memory.Run(trunk!, run, image, names), cancellation);
            return new Features(Cut.Shared.Count == names.Count ? [.. names.Zip(outputs)] : [.. names.Zip(outputs), (ImageInput, memory?.Bring(image) ?? Copy(image))], memory, batch, size);
        }
    }

    /// <inheritdoc/>
    public ISharedFeatures Hold(float[] features, int channels, Size3 size)
    {
        var values = OrtValue.CreateTensorValueFromMemory(features, [1, channels, size.Depth, size.Height, size.Width]);
        if (memory is null)
        {
            return new Features([(Cut.Shared[0], values)], memory, batch: 1, size);
        }

        using (values)
        {
            return new Features([(Cut.Shared[0], memory.Bring(values))], memory, batch: 1, size);
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
    public void Dispose()
    {
        if (whole.IsValueCreated)
        {
            whole.Value.Dispose();
        }

        if (defaults.IsValueCreated)
        {
            defaults.Value.Dispose();
        }

        trunk?.Dispose();
        head?.Dispose();
        memory?.Dispose();
    }

    private GraphCut Cut => cut ?? throw new InvalidOperationException("The samples of this model share no trunk.");

    private static InferenceSession Open(ModelFile model, byte[] bytes, int threads, InferenceDevice device)
    {
        try
        {
            using var options = new SessionOptions { IntraOpNumThreads = threads };
            Append(options, device);
            return new InferenceSession(bytes, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new ModelFileException(model.Path, $"a graph that ONNX Runtime refuses ({e.Message})", "a model written by credence-export", "Export it again.", e);
        }
    }

    private static void Append(SessionOptions options, InferenceDevice device)
    {
        var (name, append) = device.Provider switch
        {
            ExecutionProvider.Cpu => ("CPUExecutionProvider", (Action)(() => { })), // is always appended last
            ExecutionProvider.Cuda => ("CUDAExecutionProvider", AppendCuda),
            ExecutionProvider.TensorRt => ("TensorrtExecutionProvider", AppendTensorRt),
            ExecutionProvider.DirectMl => ("DmlExecutionProvider", () => options.AppendExecutionProvider_DML(device.Index)),
            ExecutionProvider.OpenVino => ("OpenVINOExecutionProvider", () => options.AppendExecutionProvider_OpenVINO()),
            _ => throw new ArgumentOutOfRangeException(nameof(device), device, "no such provider"),
        };
        var available = OrtEnv.Instance().GetAvailableProviders();
        if (!available.Contains(name))
        {
            throw new NotSupportedException($"this build of ONNX Runtime has {string.Join(", ", available)}");
        }

        append();

        void AppendCuda()
        {
            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(new()
            {
                ["device_id"] = device.Index.ToString(CultureInfo.InvariantCulture),
                ["cudnn_conv_algo_search"] = device.Search.ToString().ToUpperInvariant(),
                ["use_tf32"] = "0", // products of 10-bit mantissas do not meet the golden numbers
            });
            options.AppendExecutionProvider_CUDA(cuda);
        }

        void AppendTensorRt()
        {
            using var tensorRt = new OrtTensorRTProviderOptions();
            tensorRt.UpdateOptions(new() { ["device_id"] = device.Index.ToString(CultureInfo.InvariantCulture) });
            options.AppendExecutionProvider_Tensorrt(tensorRt);
        }
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
        noise ??= defaults.Value;
        var lent = new List<OrtValue>();
        List<(string Name, OrtValue Value)> all = [.. inputs];
        try
        {
            if (memory is null)
            {
                lent.AddRange(Tensors(noise));
                all.AddRange(manifest.NoiseInputs.Select(n => n.Name).Zip(lent));
            }
            else
            {
                all.AddRange(manifest.NoiseInputs.Select(n => n.Name).Zip(noise.HeldBy(this, () => Bring(memory, Tensors(noise)))));
            }

            if (manifest.Members > 1)
            {
                lent.Add(OrtValue.CreateTensorValueFromMemory([(long)noise.Member], []));
                all.Add((ModelManifest.MemberInput, lent[^1]));
            }

            Terminable(run =>
            {
                session.Run(run, [.. all.Select(i => i.Name)], [.. all.Select(i => i.Value)], [LogitsOutput], outputs);
                return true;
            }, cancellation);
        }
        finally
        {
            lent.ForEach(value => value.Dispose());
        }
    }

    /// <summary>The tensors of a sample where they are.</summary>
    private IEnumerable<OrtValue> Tensors(NoiseSample noise) =>
        manifest.NoiseInputs.Zip(noise.Tensors, (input, tensor) => OrtValue.CreateTensorValueFromMemory(tensor, [.. input.Shape]));

    private static List<OrtValue> Bring(DeviceMemory memory, IEnumerable<OrtValue> values)
    {
        var held = new List<OrtValue>();
        foreach (var value in values)
        {
            using (value)
            {
                held.Add(memory.Bring(value));
            }
        }

        return held;
    }

    /// <summary>Tensors by name, in the memory that the network runs in; owned.</summary>
    private sealed class Features(IReadOnlyList<(string Name, OrtValue Value)> tensors, DeviceMemory? memory, int batch, Size3 size) : ISharedFeatures
    {
        private OrtValue? fetched;

        public IReadOnlyList<(string Name, OrtValue Value)> Tensors => tensors;

        public int Batch => batch;

        public Size3 Size => size;

        public long Bytes { get; } = tensors.Sum(t => sizeof(float) * t.Value.GetTensorTypeAndShape().ElementCount);

        public ReadOnlySpan<float> Values => (memory is null ? tensors[0].Value : fetched ??= memory.Fetch(tensors[0].Value)).GetTensorDataAsSpan<float>();

        public int Channels { get; } = (int)tensors[0].Value.GetTensorTypeAndShape().Shape[1];

        public void Dispose()
        {
            fetched?.Dispose();
            foreach (var (_, value) in tensors)
            {
                value.Dispose();
            }
        }
    }
}
