using Credence.Inference;
using Credence.Inference.Tests;
using Credence.InferenceCli.Batch;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Batch;

/// <summary>Which cases are in memory while others run.</summary>
public sealed class BatchRunTests : IDisposable
{
    private const int Cases = 12;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task The_next_case_is_taken_while_others_run_and_no_more_than_that(int jobs)
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        using var segmenter = LesionSegmenter.Load(folder.File("tiny.onnx"), threads: 1);
        using var output = new BatchFolder(folder.File("out"), Shard.Whole);
        var rules = new ChannelRules(segmenter.Manifest.Channels, new Dictionary<string, string>(), ChannelRules.DefaultIgnore);
        var (taken, finished, most) = (0, 0, 0);
        using var next = new ManualResetEventSlim();
        var waited = true;

        // The first predictions wait in here until one case more than they are is taken: without reading ahead that would never be.
        var bar = new Bar(_ => waited &= next.Wait(TimeSpan.FromSeconds(30)));
        var reporter = new BatchReporter(Cases, _ => Interlocked.Increment(ref finished), isJson: false, bar, TimeProvider.System);
        var run = new BatchRun(segmenter, new(folder.File("tiny.onnx"), new() { Samples = 2 }, 1, InferenceDevice.Cpu, Trust: null, WritesDicom: false, WritesPage: false), rules, output, reporter, TimeProvider.System);
        await run.RunAsync(Source(), jobs, default);

        Assert.True(waited);
        Assert.Equal((Cases, Cases), (taken, finished));
        Assert.InRange(most, jobs + 1, jobs + 2); // those that run, one that is read, and one that waits for room, not yet read

        IEnumerable<BatchCase> Source()
        {
            for (var n = 0; n < Cases; n++)
            {
                most = Math.Max(most, ++taken - Volatile.Read(ref finished));
                if (taken > jobs)
                {
                    next.Set();
                }

                var path = folder.File($"{n}.nii.gz");
                NiftiFile.Write(path, new Volume(new(new(8, 8, 8), Affine.Scaling(new(1, 1, 1))), [.. Enumerable.Range(0, 512).Select(v => (float)(v * (n + 7) % 997))]));
                yield return new($"case{n}", path, [new(path, "scan", [path])]);
            }
        }
    }

    private sealed class Bar(Action<double> report) : IProgress<double>
    {
        public void Report(double value) => report(value);
    }
}
