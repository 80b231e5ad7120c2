using System.Numerics.Tensors;
using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference.Windows;

/// <summary>Runs a network over a volume patch by patch and blends the logits.</summary>
public sealed class SlidingWindow
{
    private readonly Size3 volume;
    private readonly Size3 patch;
    private readonly int channels;
    private readonly int classes;
    private readonly int batchSize;
    private readonly IReadOnlyList<(int I, int J, int K)> positions;
    private readonly float[] window;
    private readonly float[] reciprocalWeight; // (D, H, W): 1 / sum of the window over the patches that cover a voxel
    private readonly float[] patches;
    private readonly float[] patchLogits;

    /// <summary>Creates the window for volumes of one size.</summary>
    /// <param name="volume">Size of the volume.</param>
    /// <param name="patch">Size of the patches.</param>
    /// <param name="channels">C.</param>
    /// <param name="classes">K.</param>
    /// <param name="overlap">Smallest share of an edge by which neighbours overlap, in [0, 1).</param>
    /// <param name="batchSize">Patches a run of the network, at least 1.</param>
    public SlidingWindow(Size3 volume, Size3 patch, int channels, int classes, double overlap, int batchSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        (this.volume, this.patch, this.channels, this.classes) = (volume, patch, channels, classes);
        positions = PatchGrid.Positions(volume, patch, overlap);
        this.batchSize = Math.Min(batchSize, positions.Count);
        window = GaussianWindow.Create(patch);
        patches = new float[checked(this.batchSize * channels * (int)patch.Count)];
        patchLogits = new float[checked(this.batchSize * classes * (int)patch.Count)];

        reciprocalWeight = new float[volume.Count];
        foreach (var position in positions)
        {
            AddWindow(window, 0, reciprocalWeight, 0, position, weighted: false);
        }

        for (var v = 0; v < reciprocalWeight.Length; v++)
        {
            reciprocalWeight[v] = 1 / reciprocalWeight[v];
        }
    }

    /// <summary>Number of patches.</summary>
    public int PatchCount => positions.Count;

    /// <summary>Computes blended logits for the whole volume.</summary>
    /// <param name="network">The network.</param>
    /// <param name="voxels">(C, D, H, W), normalised.</param>
    /// <param name="noise">One weight sample for all patches; null for the posterior mean.</param>
    /// <param name="logits">(K, D, H, W), overwritten.</param>
    /// <param name="patchesDone">Called with the number of patches after each run.</param>
    /// <param name="cancellation">Checked before each run.</param>
    public void Run(
        IPatchNetwork network, ReadOnlySpan<float> voxels, NoiseSample? noise, Span<float> logits, Action<int>? patchesDone, CancellationToken cancellation)
    {
        logits.Clear();
        var (volumeCount, patchCount) = ((int)volume.Count, (int)patch.Count);
        for (var first = 0; first < positions.Count; first += batchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            var batch = Math.Min(batchSize, positions.Count - first);
            for (var n = 0; n < batch; n++)
            {
                for (var c = 0; c < channels; c++)
                {
                    Extract(voxels.Slice(c * volumeCount, volumeCount), positions[first + n], patches.AsSpan((n * channels + c) * patchCount, patchCount));
                }
            }

            network.Run(patches.AsSpan(0, batch * channels * patchCount), batch, patch, noise, patchLogits.AsSpan(0, batch * classes * patchCount));
            for (var n = 0; n < batch; n++)
            {
                for (var k = 0; k < classes; k++)
                {
                    AddWindow(patchLogits, (n * classes + k) * patchCount, logits, k * volumeCount, positions[first + n], weighted: true);
                }
            }

            patchesDone?.Invoke(batch);
        }

        for (var k = 0; k < classes; k++)
        {
            var plane = logits.Slice(k * volumeCount, volumeCount);
            TensorPrimitives.Multiply(plane, reciprocalWeight, plane);
        }
    }

    private void Extract(ReadOnlySpan<float> source, (int I, int J, int K) position, Span<float> target)
    {
        target.Clear();
        var width = Math.Min(patch.Width, volume.Width - position.I);
        var height = Math.Min(patch.Height, volume.Height - position.J);
        var depth = Math.Min(patch.Depth, volume.Depth - position.K);
        for (var k = 0; k < depth; k++)
        {
            for (var j = 0; j < height; j++)
            {
                var from = position.I + volume.Width * (position.J + j + volume.Height * (position.K + k));
                source.Slice(from, width).CopyTo(target[(patch.Width * (j + patch.Height * k))..]);
            }
        }
    }

    /// <summary>Adds rows of a patch, times the window, onto the volume; rows beyond the volume are left out.</summary>
    private void AddWindow(ReadOnlySpan<float> source, int sourceOffset, Span<float> target, int targetOffset, (int I, int J, int K) position, bool weighted)
    {
        var width = Math.Min(patch.Width, volume.Width - position.I);
        var height = Math.Min(patch.Height, volume.Height - position.J);
        var depth = Math.Min(patch.Depth, volume.Depth - position.K);
        for (var k = 0; k < depth; k++)
        {
            for (var j = 0; j < height; j++)
            {
                var row = patch.Width * (j + patch.Height * k);
                var to = target.Slice(targetOffset + position.I + volume.Width * (position.J + j + volume.Height * (position.K + k)), width);
                var from = source.Slice(sourceOffset + row, width);
                if (weighted)
                {
                    TensorPrimitives.MultiplyAdd(from, window.AsSpan(row, width), to, to);
                }
                else
                {
                    TensorPrimitives.Add(from, to, to);
                }
            }
        }
    }
}
