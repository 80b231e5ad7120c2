using System.Globalization;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>A loaded model: scans in, segmentation with uncertainty out. Thread-safe; load once, use often.</summary>
/// <remarks>It prints nothing (ONNX Runtime writes its warnings about a model to the error stream), opens no connection, writes no file but what <see cref="Segmentation.Save"/> is asked for, and shares no state with another one.</remarks>
public sealed class LesionSegmenter : IDisposable
{
    private readonly OnnxNetwork network;
    private readonly ModelFile model;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private int running;
    private bool isDisposed;

    private LesionSegmenter(ModelFile model, DeviceChoice choice, TimeProvider clock) =>
        (this.model, network, Device, Warning, this.clock) = (model, choice.Network, choice.Device, choice.Warning, clock);

    /// <summary>What the model runs on: what was asked for, or the CPU where that was not possible, which every report then says.</summary>
    public InferenceDevice Device { get; }

    /// <summary>Why the model does not run on what was asked for; null when it does.</summary>
    public string? Warning { get; }

    /// <summary>Name of the model.</summary>
    public string ModelName => Manifest.Name;

    /// <summary>The contrasts of a case, such as FLAIR, in the order in which scans are given.</summary>
    public IReadOnlyList<string> Channels => [.. Manifest.Channels.Select(c => c.Name)];

    /// <summary>What a segmentation tells apart; the first is background.</summary>
    public IReadOnlyList<ClassDescription> Classes => Manifest.Classes;

    /// <summary>Networks in the model: 1 unless it is an ensemble, which takes whole rounds of as many samples.</summary>
    public int Members => Manifest.Members;

    /// <summary>What the model may be used for.</summary>
    public string IntendedUse => Manifest.IntendedUse;

    /// <summary>Licence of the model file.</summary>
    public string Licence => Manifest.Licence;

    /// <summary>SHA-256 of the model file, lower-case hexadecimal.</summary>
    public string ModelSha256 => model.Sha256;

    /// <summary>SHA-256 of the trusted public key that the model is signed with, lower-case hexadecimal; null where no keys were given, and nothing checked.</summary>
    public string? ModelSigner => model.Signer;

    /// <summary>The recipe of the model.</summary>
    internal ModelManifest Manifest => model.Manifest;

    /// <summary>Loads a model.</summary>
    /// <param name="path">File written by credence-export.</param>
    /// <param name="threads">Threads of one run of the network; 0 takes one a core.</param>
    /// <param name="clock">Source of time for the report; the system's when null.</param>
    /// <param name="device">What to run on, the processor when null. One that is not there, or that fails the self-test of the model, is replaced by the CPU, with a warning in every report.</param>
    /// <param name="trust">Keys, one of which the model has to be signed with; null takes any model.</param>
    /// <exception cref="ModelFileException">The file cannot be used, or is not signed with a trusted key.</exception>
    public static LesionSegmenter Load(string path, int threads = 0, TimeProvider? clock = null, InferenceDevice? device = null, TrustedKeys? trust = null)
    {
        var model = ModelFile.Load(path, trust: trust);
        return new(model, DeviceChoice.Open(model, device ?? InferenceDevice.Cpu, d => new(model, threads, d)), clock ?? TimeProvider.System);
    }

    /// <summary>Compares the logits of this machine with the golden numbers of the model file.</summary>
    /// <param name="cancellation">Ends the work, also in the middle of a run of the network.</param>
    /// <returns>The largest difference, as a share of the largest golden number (at least 1).</returns>
    /// <exception cref="ModelFileException">It is above the tolerance of the file.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public double SelfTest(CancellationToken cancellation = default)
    {
        Enter();
        (double Size, string Where) difference;
        try
        {
            difference = DeviceChoice.LargestDifference(network, Manifest, cancellation);
        }
        finally
        {
            Leave();
        }

        var tolerance = Manifest.SelfTest!.Tolerance;
        return difference.Size <= tolerance ? difference.Size : throw new ModelFileException(model.Path,
            string.Create(CultureInfo.InvariantCulture, $"logits on {Device} that differ from its golden numbers by {difference.Size:G3} of the largest, at {difference.Where}"),
            string.Create(CultureInfo.InvariantCulture, $"at most {tolerance:G3}"), "Use another device, or another build of ONNX Runtime.");
    }

    /// <summary>Runs the network over made-up patches, so that the first case is as fast as the next: buffers are there, and a device has chosen its algorithms for this shape.</summary>
    /// <param name="options">Those of the predictions to come; the default ones when null.</param>
    /// <param name="cancellation">Ends the work, also in the middle of a run of the network.</param>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public void WarmUp(PredictOptions? options = null, CancellationToken cancellation = default)
    {
        Enter();
        try
        {
            // Patches on top of each other, a full batch and one that lacks a patch; of alternating values: patches of one value would be taken for empty.
            var batch = (options ?? new()).BatchSize;
            var size = Manifest.PatchSize with { Depth = Manifest.PatchSize.Depth * Math.Max(1, 2 * batch - 1) };
            var geometry = new VolumeGeometry(size, Affine.Scaling(Manifest.Spacing));
            float[] voxels = [.. Enumerable.Range(0, Manifest.Channels.Count * (int)size.Count).Select(v => (float)(v & 1))];
            var patches = new PreparedVolume(geometry, geometry, VoxelBox.Whole(size), geometry, voxels);
            VolumePredictor.Predict(patches, network, Manifest, new() { Samples = 1, Overlap = 0, BatchSize = batch }, clock, progress: null, cancellation);
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Segments one case.</summary>
    /// <param name="scans">One a channel, in the order of the manifest.</param>
    /// <param name="options">Samples, seed, overlap.</param>
    /// <param name="progress">Receives the share that is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the work, also in the middle of a run of the network.</param>
    /// <exception cref="InputException">The scans do not fit together or do not fit the model.</exception>
    /// <exception cref="ModelFileException">The network gives numbers that are not finite.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option means nothing, such as a negative number of samples.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public Segmentation Predict(
        IReadOnlyList<Scan> scans, PredictOptions options, IProgress<double>? progress = null, CancellationToken cancellation = default)
    {
        CheckCount(scans.Count, scans.Count > 0 ? scans[0].Name : "the input");
        Enter();
        try
        {
            var start = clock.GetTimestamp();
            var names = scans.Select(s => s.Name).ToList();
            var volumes = scans.Select(s => s.Volume).ToList();
            IReadOnlyList<string> warnings = [];
            var prepared = Preprocessing.Prepare(volumes, Manifest.Preprocessing, names, grid =>
            {
                warnings = FingerprintGate.Check(volumes, names, Manifest, options.DeviationLimit);
                Preprocessing.CheckSize(grid, Math.Max(Channels.Count, Classes.Count), names[0]);
                MemoryPlan.Of(grid.Size, volumes[0].Geometry.Size, Manifest, network, options);
            }, cancellation.ThrowIfCancellationRequested);
            var prediction = VolumePredictor.Predict(prepared, network, Manifest, options, clock, progress, cancellation);
            if (!prediction.IsFinite)
            {
                throw new ModelFileException(model.Path, $"logits on {Device} for {names[0]} that are no finite numbers", "finite numbers",
                    Device.Provider == ExecutionProvider.Cpu && Manifest.Precision == WeightPrecision.Float32 ? "Train the model again: its weights are no numbers, or too large." : "Use the CPU, or export the model in float32.");
            }

            var readTime = scans.Aggregate(TimeSpan.Zero, (sum, scan) => sum + scan.ReadTime);
            string[] ofModel = [.. new[] { Warning, SampleSchedule.Warning(Manifest, prediction.Samples) }.OfType<string>()];
            return new(prediction, PredictionReport.Create(model, Device, [.. ofModel, .. warnings], names, prepared, prediction, options, readTime, clock.GetElapsedTime(start), clock.GetUtcNow()));
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Segments one case on a thread of the pool.</summary>
    /// <param name="scans">One a channel, in the order of the manifest.</param>
    /// <param name="options">Samples, seed, overlap.</param>
    /// <param name="progress">Receives the share that is done, from 0 to 1.</param>
    /// <param name="cancellation">Ends the prediction, also in the middle of a run of the network; the task is cancelled then.</param>
    /// <exception cref="InputException">The scans do not fit together or do not fit the model.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option means nothing, such as a negative number of samples.</exception>
    /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
    public Task<Segmentation> PredictAsync(
        IReadOnlyList<Scan> scans, PredictOptions options, IProgress<double>? progress = null, CancellationToken cancellation = default) =>
        Task.Run(() => Predict(scans, options, progress, cancellation), cancellation);

    /// <summary>Frees the model, at once or with the end of the last prediction that runs; none can be begun any more.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (!isDisposed)
            {
                isDisposed = true;
                DisposeWhenIdle();
            }
        }
    }

    private void Enter()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            running++;
        }
    }

    private void Leave()
    {
        lock (gate)
        {
            running--;
            DisposeWhenIdle();
        }
    }

    private void DisposeWhenIdle()
    {
        if (isDisposed && running == 0)
        {
            network.Dispose();
        }
    }

    private void CheckCount(int count, string path)
    {
        if (count != Manifest.Channels.Count)
        {
            throw new InvalidScanException(path, $"{count} channel{(count == 1 ? "" : "s")}",
                $"{Manifest.Channels.Count}: {string.Join(", ", Manifest.Channels.Select(c => c.Name))}", "Give one scan a channel, in this order.");
        }
    }
}
