using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Results;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference.Tests;

/// <summary>The engine as a program sees it that embeds it.</summary>
[Collection(nameof(Alone))]
public sealed class EmbeddingTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_sample_segments_a_scan_and_is_the_one_of_the_page()
    {
        NiftiFile.Write(folder.File("scan.nii.gz"), Case().Volume);
        using (Load())
        {
        }

        var (exitCode, output, error) = BuiltProgram.Run("Sample", "credence-sample", folder.File("tiny.onnx"), folder.File("scan.nii.gz"), folder.File("result"));

        Assert.True(exitCode == 0, error);
        Assert.StartsWith("lesion 1: ", output, StringComparison.Ordinal);
        Assert.True(File.Exists(folder.File("result/report.json")));
        Assert.Contains(File.ReadAllText(RepositoryRoot.File("inference/sample/Program.cs")), File.ReadAllText(RepositoryRoot.File("docs/how-to/embed-in-dotnet.md")), StringComparison.Ordinal);
    }

    /// <summary>Through public members alone, as a clinical tool does it; what the objects hold is compared with the maps that the same call gave.</summary>
    [Fact]
    public void Results_of_a_dicom_scan_are_written_as_objects_of_its_study()
    {
        using var segmenter = Load();
        DicomSeriesWriter.Write(folder.File("flair"), Case().Volume, new() { UidSeed = "embedded", Patient = "P1", Description = "AX FLAIR" });
        var scan = Scan.Read(folder.File("flair"));
        var result = segmenter.Predict([scan], new() { Samples = 3 }, null, TestContext.Current.CancellationToken);

        result.Save(folder.File("result"), new DicomResults(scan));

        var segmentation = DicomSegmentation.Read(Assert.Single(Directory.GetFiles(folder.File("result"), "*seg*.dcm")));
        Assert.Contains(result.Prediction.Segmentation.Labels, l => l == 7);
        Assert.Equal(result.Prediction.Segmentation.Labels.Select(l => l == 7 ? 1 : 0), segmentation.ToLabels(result.Prediction.Segmentation.Geometry).Labels.Select(l => (int)l));
        Assert.Equal(5, Directory.GetFiles(folder.File("result"), "*.dcm").Length);
        Assert.Contains("expected", Assert.ThrowsAny<InputException>(() => new DicomResults(Case())).Message, StringComparison.Ordinal);
    }

    /// <summary>What cannot be written is refused before the network runs, not after. A header that claims the size stands for such a scan.</summary>
    [Fact]
    public void Maps_too_large_for_a_file_are_refused_beforehand()
    {
        DicomSeriesWriter.Write(folder.File("large"), new(new(new(4, 4, 2), Affine.Identity), new float[32]), new() { UidSeed = "large", Patient = "P1", Description = "CT" });
        foreach (var path in Directory.GetFiles(folder.File("large")))
        {
            var bytes = File.ReadAllBytes(path);
            foreach (var element in new byte[][] { [0x28, 0, 0x10, 0, (byte)'U', (byte)'S', 2, 0], [0x28, 0, 0x11, 0, (byte)'U', (byte)'S', 2, 0] })
            {
                BitConverter.GetBytes((ushort)20000).CopyTo(bytes, bytes.AsSpan().IndexOf(element) + element.Length);
            }

            File.WriteAllBytes(path, bytes);
        }

        var scan = new Scan("large", Case().Volume, DicomSeries.Only(folder.File("large")).OnlyStack());
        Assert.Equal("large: 20000 x 20000 x 2 voxels, of which a map takes 3200073728 bytes; expected at most 2147483591, which one DICOM object is written in. Leave out the DICOM results: NIfTI has no such limit.",
            Assert.Throws<InvalidScanException>(() => new DicomResults(scan)).Message);
    }

    [Fact]
    public async Task A_prediction_off_the_thread_is_the_same_and_reports_growing_shares()
    {
        using var segmenter = Load();
        var shares = new Shares();
        segmenter.WarmUp(cancellation: TestContext.Current.CancellationToken);
        var there = await segmenter.PredictAsync([Case()], new() { Samples = 3 }, shares, TestContext.Current.CancellationToken);

        Assert.Equal(segmenter.Predict([Case()], new() { Samples = 3 }, null, TestContext.Current.CancellationToken).Prediction.Probabilities[0].Voxels, there.Prediction.Probabilities[0].Voxels);
        Assert.Equal(shares.Values.Order(), shares.Values);
        Assert.Equal(1, shares.Values[^1]);
    }

    [Fact]
    public async Task A_cancelled_prediction_stops_at_the_next_run_of_the_network()
    {
        using var segmenter = Load();
        using var cancellation = new CancellationTokenSource();
        var shares = new Shares(cancellation);
        var task = segmenter.PredictAsync([Case()], new() { Samples = 1_000_000 }, shares, cancellation.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.True(task.IsCanceled);
        Assert.Single(shares.Values);
    }

    [Fact]
    public async Task Disposing_lets_a_prediction_end_and_refuses_the_next()
    {
        var segmenter = Load();
        var begun = new TaskCompletionSource();
        using var mayGoOn = new ManualResetEventSlim();
        var task = segmenter.PredictAsync([Case()], new() { Samples = 2 }, new Pause(begun, mayGoOn), TestContext.Current.CancellationToken);
        await begun.Task;
        segmenter.Dispose();
        segmenter.Dispose();
        mayGoOn.Set();

        Assert.Equal(2, (await task).Prediction.Samples);
        Assert.Throws<ObjectDisposedException>(() => segmenter.Predict([Case()], new(), null, TestContext.Current.CancellationToken));
        Assert.Throws<ObjectDisposedException>(() => segmenter.WarmUp(cancellation: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Raw_voxels_need_axes_that_span_space()
    {
        using var segmenter = Load();
        var flat = new Volume(new(new(2, 2, 2), new(new(1, 0, 0), new(2, 0, 0), new(0, 0, 1), default)), new float[8]);

        Assert.Equal("PACS 1: an affine with determinant 0; expected three axes that span space, in mm. Give the affine of the scan.",
            Assert.Throws<InvalidScanException>(() => segmenter.Predict([new("PACS 1", flat)], new(), null, TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void A_model_says_what_it_takes_and_gives()
    {
        using var segmenter = Load();
        Assert.Equal(["FLAIR"], segmenter.Channels);
        Assert.Equal([new(0, "background"), new ClassDescription(7, "lesion")], segmenter.Classes);
        Assert.Equal(("tiny", "Research only. Not a medical device.", "unspecified"), (segmenter.ModelName, segmenter.IntendedUse, segmenter.Licence));
    }

    /// <summary>Eight threads share a model; every third prediction is cancelled in its middle. A result has about 2 MB of maps, so that the 133 of a soak would show if they stayed.</summary>
    [Fact]
    public void Hundreds_of_predictions_and_cancellations_leave_memory_flat()
    {
        using var segmenter = Load();
        var scan = new Scan("FLAIR", new(new(new(48, 48, 48), Affine.Identity), [.. Enumerable.Range(0, 48 * 48 * 48).Select(v => (float)(100 + 50 * Math.Sin(v * 0.05)))]));
        var options = new PredictOptions { Samples = 2 };
        var expected = segmenter.Predict([scan], options, null, TestContext.Current.CancellationToken).Prediction.Probabilities[0].Voxels;
        long Soak(int predictions)
        {
            var cancelled = 0;
            Parallel.For(0, predictions, new ParallelOptions { MaxDegreeOfParallelism = 8 }, n =>
            {
                using var cancellation = new CancellationTokenSource();
                try
                {
                    var result = segmenter.Predict([scan], options, n % 3 == 0 ? new Shares(cancellation) : null, cancellation.Token);
                    Assert.Equal(expected, result.Prediction.Probabilities[0].Voxels);
                }
                catch (OperationCanceledException) when (n % 3 == 0)
                {
                    Interlocked.Increment(ref cancelled);
                }
            });
            Assert.Equal((predictions + 2) / 3, cancelled);
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive);
            using var process = Process.GetCurrentProcess();
            return process.WorkingSet64;
        }

        var before = Soak(50); // heaps and pools have their size then
        Assert.InRange(Soak(200) - before, long.MinValue, 60_000_000);
    }

    [Fact]
    public void No_field_of_the_engine_is_global_state()
    {
        var fields = new[] { typeof(LesionSegmenter), typeof(Volume) }.SelectMany(t => t.Assembly.GetTypes())
            .Where(t => !t.IsDefined(typeof(CompilerGeneratedAttribute)) && !typeof(System.Text.Json.Serialization.JsonSerializerContext).IsAssignableFrom(t))
            .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(f => f is { IsInitOnly: false, IsLiteral: false } && !f.IsDefined(typeof(CompilerGeneratedAttribute)) && f.DeclaringType != typeof(Onnx.OnnxReflection)) // written once, by the code that protoc makes
            .Select(f => $"{f.DeclaringType}.{f.Name}");

        Assert.Empty(fields);
    }

    private LesionSegmenter Load()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        return LesionSegmenter.Load(folder.File("tiny.onnx"), threads: 1);
    }

    private static Scan Case() => new("FLAIR", new(
        new(new(11, 7, 9), Affine.Scaling(new(1, 1, 2))),
        [.. Enumerable.Range(0, 11 * 7 * 9).Select(v => (float)(100 + 50 * Math.Sin(v * 0.05)))]));

    /// <summary>Keeps what it is told, on the thread that tells it; cancels at the first share where it can.</summary>
    private sealed class Shares(CancellationTokenSource? cancellation = null) : IProgress<double>
    {
        public List<double> Values { get; } = [];

        public void Report(double value)
        {
            Values.Add(value);
            cancellation?.Cancel();
        }
    }

    private sealed class Pause(TaskCompletionSource begun, ManualResetEventSlim mayGoOn) : IProgress<double>
    {
        public void Report(double value)
        {
            begun.TrySetResult();
            mayGoOn.Wait();
        }
    }
}
