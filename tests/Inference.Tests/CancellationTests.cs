using System.Diagnostics;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference.Tests;

[Collection(nameof(Alone))]
public sealed class CancellationTests
{
    /// <summary>The case is one patch, so that all the time is one run of ONNX Runtime.</summary>
    [Fact]
    public void A_prediction_ends_in_the_middle_of_a_run_of_the_network()
    {
        var model = ModelFile.Parse("deep.onnx", TinyModel.Deep(layers: 60));
        using var network = new OnnxNetwork(model, threads: 1);
        var grid = new VolumeGeometry(new(64, 64, 64), Affine.Identity);
        var prepared = new PreparedVolume(grid, grid, VoxelBox.Whole(grid.Size), grid, [.. Enumerable.Range(0, 64 * 64 * 64).Select(v => MathF.Sin(v))]);
        TimeSpan Time(CancellationToken cancellation)
        {
            var start = Stopwatch.GetTimestamp();
            try
            {
                Assert.Equal(1, VolumePredictor.Predict(prepared, network, model.Manifest, new(), TimeProvider.System, null, cancellation).Patches);
            }
            catch (OperationCanceledException e)
            {
                Assert.Equal(cancellation, e.CancellationToken);
            }

            return Stopwatch.GetElapsedTime(start);
        }

        Time(CancellationToken.None); // warm
        var whole = Time(CancellationToken.None);
        Assert.True(whole > TimeSpan.FromMilliseconds(300), $"one run takes {whole}: too short to be ended in the middle");
        using var cancellation = new CancellationTokenSource(whole / 5);

        var cancelled = Time(cancellation.Token);

        Assert.True(cancellation.IsCancellationRequested);
        Assert.True(cancelled < whole * 0.7, $"cancelled after {whole / 5}, ended after {cancelled}, where a whole run takes {whole}");
    }

    /// <summary>Who cancels when the last sample is reported, as a callback of C does, gets no result.</summary>
    [Fact]
    public void A_prediction_that_is_cancelled_after_its_last_sample_is_cancelled()
    {
        using var network = new OnnxNetwork(TinyModel.Model());
        using var cancellation = new CancellationTokenSource();
        var grid = new VolumeGeometry(new(8, 6, 4), Affine.Identity);
        var prepared = new PreparedVolume(grid, grid, VoxelBox.Whole(grid.Size), grid, new float[grid.Size.Count]);
        Assert.Throws<OperationCanceledException>(() =>
            VolumePredictor.Predict(prepared, network, TinyModel.Manifest, new() { Samples = 2 }, TimeProvider.System, new AtTheEnd(cancellation), cancellation.Token));
        Assert.True(cancellation.IsCancellationRequested);
    }

    [Fact]
    public void A_model_runs_again_after_a_cancelled_prediction()
    {
        using var network = new OnnxNetwork(TinyModel.Model());
        var (logits, size) = (new float[2 * 8], new Size3(2, 2, 2));
        Assert.Throws<OperationCanceledException>(() => network.Run(new float[8], 1, size, null, logits, new CancellationToken(canceled: true)));
        network.Run(new float[8], 1, size, null, logits, CancellationToken.None);
        Assert.Equal(TinyModel.Bias[1], logits[^1], 1e-6);
    }

    private sealed class AtTheEnd(CancellationTokenSource source) : IProgress<double>
    {
        public void Report(double value)
        {
            if (value >= 1)
            {
                source.Cancel();
            }
        }
    }
}
