using System.Numerics.Tensors;
using Credence.MedicalIO;

namespace Credence.Inference.Windows;

/// <summary>Cuts a prepared case into overlapping patches, and blends what a network makes of them.</summary>
/// <remarks>
/// A patch in which every channel has the value of the volume's first voxel everywhere, as around a masked brain, holds no tissue and is left out. A voxel
/// that only such patches cover is background with certainty; every other voxel is the weighted mean of the patches that were not left out.
/// </remarks>
internal sealed class SlidingWindow
{
    /// <summary>Logit of the background where no patch is: far enough from 0 that its probability is 1 in float32.</summary>
    public const float BackgroundLogit = 1000;

    private readonly Size3 volume;
    private readonly Size3 patch;
    private readonly int channels;
    private readonly int batchSize;
    private readonly float[] voxels;
    private readonly List<(int I, int J, int K)> positions;
    private readonly float[] window;
    private readonly float[] reciprocalWeight; // (D, H, W): 1 / sum of the window over the patches that cover a voxel; 0 where none does
    private readonly float[] patches;

    /// <summary>Places the patches.</summary>
    /// <param name="voxels">(C, D, H, W), normalised; kept.</param>
    /// <param name="volume">W, H, D.</param>
    /// <param name="patch">Size of the patches.</param>
    /// <param name="channels">C.</param>
    /// <param name="overlap">Smallest share of an edge by which neighbours overlap, in [0, 1).</param>
    /// <param name="batchSize">Patches a run of the network, at least 1.</param>
    public SlidingWindow(float[] voxels, Size3 volume, Size3 patch, int channels, double overlap, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        (this.voxels, this.volume, this.patch, this.channels) = (voxels, volume, patch, channels);
        var all = PatchGrid.Positions(volume, patch, overlap);
        positions = [.. all.Where(HoldsTissue)];
        EmptyPatches = all.Count - positions.Count;
        this.batchSize = Math.Min(batchSize, Math.Max(1, positions.Count));
        window = GaussianWindow.Create(patch);
        patches = new float[checked(this.batchSize * channels * (int)patch.Count)];

        reciprocalWeight = new float[volume.Count];
        foreach (var position in positions)
        {
            ForEachRow(position, (row, at, width) => TensorPrimitives.Add(reciprocalWeight.AsSpan(at, width), window.AsSpan(row, width), reciprocalWeight.AsSpan(at, width)));
        }

        for (var v = 0; v < reciprocalWeight.Length; v++)
        {
            HasGaps |= reciprocalWeight[v] == 0;
            reciprocalWeight[v] = reciprocalWeight[v] == 0 ? 0 : 1 / reciprocalWeight[v];
        }
    }

    /// <summary>Patches that a network has to see.</summary>
    public int PatchCount => positions.Count;

    /// <summary>Patches that were left out.</summary>
    public int EmptyPatches { get; }

    /// <summary>Whether there are voxels that no patch covers.</summary>
    public bool HasGaps { get; }

    /// <summary>Runs of a network over all patches.</summary>
    public int BatchCount => (positions.Count + batchSize - 1) / batchSize;

    /// <summary>Size of a patch.</summary>
    public Size3 PatchSize => patch;

    /// <summary>Size of the volume.</summary>
    public Size3 VolumeSize => volume;

    /// <summary>Patches of a batch.</summary>
    public int BatchLength(int batch) => Math.Min(batchSize, positions.Count - batch * batchSize);

    /// <summary>The patches of a batch, (N, C, D, H, W); valid until the next call.</summary>
    public ReadOnlySpan<float> Extract(int batch)
    {
        var (volumeCount, patchCount) = ((int)volume.Count, (int)patch.Count);
        var length = BatchLength(batch);
        for (var n = 0; n < length; n++)
        {
            for (var c = 0; c < channels; c++)
            {
                var (source, target) = (c * volumeCount, patches.AsMemory((n * channels + c) * patchCount, patchCount));
                target.Span.Clear();
                ForEachRow(positions[batch * batchSize + n], (row, at, width) => voxels.AsSpan(source + at, width).CopyTo(target.Span[row..]));
            }
        }

        return patches.AsSpan(0, length * channels * patchCount);
    }

    /// <summary>Adds the values of a batch, times the window, onto a volume.</summary>
    /// <param name="batch">Which.</param>
    /// <param name="values">(N, P, D, H, W).</param>
    /// <param name="planes">P.</param>
    /// <param name="target">(P, D, H, W) of the volume.</param>
    public unsafe void Add(int batch, ReadOnlySpan<float> values, int planes, float[] target)
    {
        var (volumeCount, patchCount, length) = ((int)volume.Count, (int)patch.Count, BatchLength(batch));
        fixed (float* pinned = values)
        {
            var source = (nint)pinned;
            // Planes do not share voxels; the patches of one plane come in order, so the sums do not depend on the threads.
            Parallel.For(0, planes, plane =>
            {
                for (var n = 0; n < length; n++)
                {
                    var from = (float*)source + (long)(n * planes + plane) * patchCount;
                    ForEachRow(positions[batch * batchSize + n], (row, at, width) =>
                    {
                        var to = target.AsSpan(plane * volumeCount + at, width);
                        TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(from + row, width), window.AsSpan(row, width), to, to);
                    });
                }
            });
        }
    }

    /// <summary>Turns sums of <see cref="Add"/> into weighted means; 0 where no patch is.</summary>
    /// <param name="target">(P, D, H, W) of the volume.</param>
    /// <param name="planes">P.</param>
    public void Divide(float[] target, int planes)
    {
        var count = (int)volume.Count;
        Parallel.For(0, planes, plane => TensorPrimitives.Multiply(target.AsSpan(plane * count, count), reciprocalWeight, target.AsSpan(plane * count, count)));
    }

    /// <summary>Makes the voxels that no patch covers background.</summary>
    /// <param name="logits">(K, D, H, W).</param>
    public void FillGaps(float[] logits)
    {
        var count = reciprocalWeight.Length;
        for (var v = 0; v < count && HasGaps; v++)
        {
            if (reciprocalWeight[v] == 0)
            {
                logits[v] = BackgroundLogit;
                for (var at = v + count; at < logits.Length; at += count)
                {
                    logits[at] = 0;
                }
            }
        }
    }

    private bool HoldsTissue((int I, int J, int K) position)
    {
        for (var c = 0; c < channels; c++)
        {
            var (plane, isEmpty) = (c * (int)volume.Count, true);
            ForEachRow(position, (_, at, width) => isEmpty = isEmpty && !voxels.AsSpan(plane + at, width).ContainsAnyExcept(voxels[plane]));
            if (!isEmpty)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Calls with each row of a patch: its first voxel in the patch and in the volume, and its length; what lies beyond the volume is left out.</summary>
    private void ForEachRow((int I, int J, int K) position, Action<int, int, int> row)
    {
        var width = Math.Min(patch.Width, volume.Width - position.I);
        var height = Math.Min(patch.Height, volume.Height - position.J);
        var depth = Math.Min(patch.Depth, volume.Depth - position.K);
        for (var k = 0; k < depth; k++)
        {
            for (var j = 0; j < height; j++)
            {
                row(patch.Width * (j + patch.Height * k), position.I + volume.Width * (position.J + j + volume.Height * (position.K + k)), width);
            }
        }
    }
}
