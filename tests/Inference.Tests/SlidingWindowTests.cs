using CsCheck;
using Credence.Inference.Sampling;
using Credence.Inference.Windows;
using Credence.MedicalIO;

namespace Credence.Inference.Tests;

public sealed class SlidingWindowTests
{
    private static readonly Gen<(Size3 Volume, Size3 Patch, double Overlap)> Cases =
        from v in Gen.Int[2, 23].Array[3]
        from p in Gen.Int[2, 9].Array[3]
        from o in Gen.Double[0, 0.8]
        select (new Size3(v[0], v[1], v[2]), new Size3(p[0], p[1], p[2]), o);

    /// <summary>A network that looks at one voxel at a time must give the same whether it sees patches or the volume.</summary>
    [Fact]
    public void Blending_changes_nothing_for_a_pointwise_network() => Cases.Sample(c =>
    {
        var voxels = Enumerable.Range(0, 2 * (int)c.Volume.Count).Select(v => MathF.Sin(v)).ToArray();
        var logits = new float[voxels.Length];
        Array.Fill(logits, float.NaN); // what was there before does not matter
        Compute(new(voxels, c.Volume, c.Patch, channels: 2, c.Overlap, batchSize: 3), logits, _ => { }, CancellationToken.None);

        var n = (int)c.Volume.Count;
        for (var v = 0; v < n; v++)
        {
            Assert.Equal(3 * voxels[v] - voxels[n + v] + 1, logits[v], tolerance: 1e-4f);
            Assert.Equal(2 * voxels[n + v], logits[n + v], tolerance: 1e-4f);
        }
    }, iter: 300, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Patches_cover_every_voxel_and_overlap_as_asked() => Cases.Sample(c =>
    {
        var positions = PatchGrid.Positions(c.Volume, c.Patch, c.Overlap);
        var columns = positions.Select(p => p.I).Distinct().Order().ToList();

        Assert.Equal(0, columns[0]);
        Assert.Equal(Math.Max(0, c.Volume.Width - c.Patch.Width), columns[^1]);
        Assert.All(columns.Zip(columns.Skip(1)), p => Assert.True(p.Second - p.First <= Math.Max(1, Math.Ceiling(c.Patch.Width * (1 - c.Overlap)))));
        Assert.Equal(positions.Count, positions.Distinct().Count());
    }, iter: 2_000, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void The_window_is_1_at_the_centre_symmetric_and_never_0()
    {
        var window = GaussianWindow.Create(new(7, 96, 3));

        Assert.All(window, w => Assert.InRange(w, float.Epsilon, 1));
        Assert.Equal(window, window.Reverse());
        Assert.Equal(window.Max(), window[3 + 7 * (47 + 96 * 1)]);
    }

    [Fact]
    public void Cancellation_stops_between_patches()
    {
        var voxels = Enumerable.Range(0, 16_000).Select(v => (float)v).ToArray();
        using var source = new CancellationTokenSource();
        var done = 0;
        Assert.Throws<OperationCanceledException>(() => Compute(new(voxels, new(20, 20, 20), new(4, 4, 4), 2, 0.5, 1), new float[16_000], n =>
        {
            done += n;
            source.Cancel();
        }, source.Token));
        Assert.Equal(1, done);
    }

    /// <summary>Two blocks of tissue far apart: patches between them are not run, and what they alone cover is background.</summary>
    [Fact]
    public void Patches_without_tissue_are_left_out()
    {
        var size = new Size3(40, 6, 6);
        var voxels = new float[2 * size.Count];
        (voxels[1], voxels[size.Count - 1]) = (5, 5);
        var window = new SlidingWindow(voxels, size, new(6, 6, 6), channels: 2, overlap: 0, batchSize: 2);
        var logits = new float[2 * size.Count];
        Compute(window, logits, _ => { }, CancellationToken.None);

        Assert.Equal((2, 5, true), (window.PatchCount, window.EmptyPatches, window.HasGaps));
        Assert.Equal((SlidingWindow.BackgroundLogit, 0f), (logits[20], logits[size.Count + 20]));
        Assert.Equal((16f, 0f), (logits[1], logits[size.Count + 1]), EqualityComparer<(float, float)>.Create((a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-4));
    }

    [Fact]
    public void A_volume_without_tissue_is_background()
    {
        var size = new Size3(9, 8, 7);
        var voxels = new float[2 * size.Count];
        Array.Fill(voxels, 0.25f);
        var window = new SlidingWindow(voxels, size, new(4, 4, 4), channels: 2, overlap: 0.5, batchSize: 2);
        var logits = new float[2 * size.Count];
        Compute(window, logits, _ => { }, CancellationToken.None);

        Assert.Equal(0, window.PatchCount);
        Assert.All(logits[..(int)size.Count], z => Assert.Equal(SlidingWindow.BackgroundLogit, z));
        Assert.All(logits[(int)size.Count..], z => Assert.Equal(0, z));
    }

    private static void Compute(SlidingWindow window, float[] logits, Action<int> patchesDone, CancellationToken cancellation)
    {
        using var sampler = new VolumeSampler(new Pointwise(), window, classes: 2, isSampled: false, memory: 0, blendMemory: 0, patchesDone);
        sampler.Compute(null, logits, cancellation);
    }

    private sealed class Pointwise : IPatchNetwork
    {
        public void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits, CancellationToken cancellation = default)
        {
            var n = (int)size.Count;
            for (var b = 0; b < batch; b++)
            {
                for (var v = 0; v < n; v++)
                {
                    var (x, y) = (patches[2 * b * n + v], patches[(2 * b + 1) * n + v]);
                    logits[2 * b * n + v] = 3 * x - y + 1;
                    logits[(2 * b + 1) * n + v] = 2 * y;
                }
            }
        }
    }
}
