using System.Numerics.Tensors;
using Credence.Inference.Windows;
using Credence.MedicalIO;

namespace Credence.Inference.Sampling;

/// <summary>
/// Blended logits of one volume, sample by sample, each the mean over mirrored copies of it: test-time augmentation inside a weight sample. The samples then
/// differ by their weights alone, so that intervals and mutual information stay those of the weights.
/// </summary>
/// <remarks>The mean is of the probabilities, as Wang et al. 2019 (arXiv:1807.07356, section 2.3) take it over augmentations.</remarks>
internal sealed class FlippedSampler : IDisposable
{
    private readonly List<(FlipAxes Axes, VolumeSampler Sampler)> copies = [];
    private readonly Size3 size;
    private readonly int classes;
    private readonly float[] mirrored;
    private readonly float[] mean;

    /// <summary>Prepares the copies.</summary>
    /// <param name="axes">Every combination of these is a copy, the volume itself among them.</param>
    /// <param name="voxels">(C, D, H, W).</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="classes">K.</param>
    /// <param name="open">Makes the sampler of a copy; called once for each, the volume itself first.</param>
    public FlippedSampler(FlipAxes axes, float[] voxels, Size3 size, int classes, Func<float[], VolumeSampler> open)
    {
        (this.size, this.classes) = (size, classes);
        try
        {
            for (var copy = FlipAxes.None; copy <= axes; copy++)
            {
                if ((copy & ~axes) == 0)
                {
                    copies.Add((copy, open(copy == FlipAxes.None ? voxels : Mirror(voxels, new float[voxels.Length], copy))));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        (mirrored, mean) = copies.Count == 1 ? ([], []) : (new float[checked(classes * (int)size.Count)], new float[checked(classes * (int)size.Count)]);
    }

    /// <summary>Number of copies.</summary>
    public int Copies => copies.Count;

    /// <summary>What the samples so far shared, in the volume itself.</summary>
    public SharedWork Shared => copies[0].Sampler.Shared;

    /// <summary>Computes one sample.</summary>
    /// <param name="noise">The sample; null for the posterior mean.</param>
    /// <param name="logits">(K, D, H, W), overwritten: with several copies, logarithms of the mean probabilities.</param>
    /// <param name="cancellation">Ends the work, also in the middle of a run of the network.</param>
    public void Compute(NoiseSample? noise, float[] logits, CancellationToken cancellation)
    {
        if (copies.Count == 1)
        {
            copies[0].Sampler.Compute(noise, logits, cancellation);
            return;
        }

        Array.Clear(mean);
        foreach (var (axes, sampler) in copies)
        {
            sampler.Compute(noise, axes == FlipAxes.None ? logits : mirrored, cancellation);
            if (axes != FlipAxes.None)
            {
                Mirror(mirrored, logits, axes);
            }

            AddProbabilities(logits);
        }

        // Not of 0, where the rest of a patch-free region is certain: the smallest number is as good as none.
        TensorPrimitives.Multiply(mean, 1f / copies.Count, mean);
        TensorPrimitives.Max(mean, float.Epsilon, mean);
        TensorPrimitives.Log(mean, logits);
    }

    /// <inheritdoc/>
    public void Dispose() => copies.ForEach(c => c.Sampler.Dispose());

    /// <summary>Adds softmax over the classes to the mean; what it is given is used up.</summary>
    private void AddProbabilities(float[] logits)
    {
        const int Chunk = 1 << 12;
        var voxels = (int)size.Count;
        Parallel.For(0, (voxels + Chunk - 1) / Chunk, () => new float[2 * Chunk], (chunk, _, memory) =>
        {
            var (first, n) = (chunk * Chunk, Math.Min(Chunk, voxels - chunk * Chunk));
            Span<float> Plane(float[] of, int k) => of.AsSpan(k * voxels + first, n);
            var largest = memory.AsSpan(0, n);
            var sum = memory.AsSpan(Chunk, n);
            Plane(logits, 0).CopyTo(largest);
            for (var k = 1; k < classes; k++)
            {
                TensorPrimitives.Max(largest, Plane(logits, k), largest);
            }

            sum.Clear();
            for (var k = 0; k < classes; k++)
            {
                TensorPrimitives.Subtract(Plane(logits, k), largest, Plane(logits, k));
                TensorPrimitives.Exp(Plane(logits, k), Plane(logits, k));
                TensorPrimitives.Add(sum, Plane(logits, k), sum);
            }

            for (var k = 0; k < classes; k++)
            {
                TensorPrimitives.Divide(Plane(logits, k), sum, Plane(logits, k));
                TensorPrimitives.Add(Plane(mean, k), Plane(logits, k), Plane(mean, k));
            }

            return memory;
        }, _ => { });
    }

    /// <summary>Mirrors planes of (D, H, W); the canonical orientation is RAS, so W, H, D are the three axes of the body.</summary>
    private float[] Mirror(float[] source, float[] target, FlipAxes axes)
    {
        var (width, height, depth) = (size.Width, size.Height, size.Depth);
        Parallel.For(0, source.Length / width, row =>
        {
            var (j, k, plane) = (row % height, row / height % depth, row / height / depth);
            var from = axes.HasFlag(FlipAxes.PosteriorAnterior) ? height - 1 - j : j;
            from += height * ((axes.HasFlag(FlipAxes.InferiorSuperior) ? depth - 1 - k : k) + depth * plane);
            var line = target.AsSpan(row * width, width);
            source.AsSpan(from * width, width).CopyTo(line);
            if (axes.HasFlag(FlipAxes.LeftRight))
            {
                line.Reverse();
            }
        });
        return target;
    }
}
