namespace Credence.Models.Losses;

/// <summary>Output of the network and its target, with what several losses of a sum need computed once. V = D H W, or 1 for a classifier; tensors belong to the current dispose scope.</summary>
internal sealed class LossBatch
{
    private readonly MinibatchPart? part; // null for a whole minibatch
    private Tensor? probability;
    private Tensor? oneHot;

    /// <summary>Flattens space, and computes the cross entropy of every voxel.</summary>
    /// <param name="logits">(N, K, D, H, W), at any resolution, or (N, K). Half precision is widened to float32.</param>
    /// <param name="target">(N, D, H, W), or (N): int64 class indices in [0, K).</param>
    /// <param name="progress">Share of the run that is over, in [0, 1].</param>
    /// <param name="part">Of which minibatch these are a part; null where they are all of it.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public LossBatch(Tensor logits, Tensor target, double progress, MinibatchPart? part = null)
    {
        var shape = logits.shape;
        if (shape.Length < 2 || !target.shape.SequenceEqual([shape[0], .. shape[2..]]))
        {
            throw new ArgumentException(
                $"Target has shape ({string.Join(", ", target.shape)}) but logits have ({string.Join(", ", shape)}); (N, D, H, W) must fit (N, K, D, H, W), or (N) fit (N, K).",
                nameof(target));
        }

        this.part = part;
        Classes = shape[1];
        Progress = Math.Clamp(progress, 0, 1);
        Target = target.reshape(shape[0], -1);
        var wide = logits.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? logits.to(ScalarType.Float32) : logits;
        LogProbability = functional.log_softmax(wide.reshape(shape[0], Classes, -1), dim: 1);
        CrossEntropy = -LogProbability.gather(1, Target.unsqueeze(1)).squeeze(1);
    }

    /// <summary>K, background included.</summary>
    public long Classes { get; }

    /// <summary>Share of the run that is over, in [0, 1].</summary>
    public double Progress { get; }

    /// <summary>(N, V), int64 class indices.</summary>
    public Tensor Target { get; }

    /// <summary>(N, K, V), nats.</summary>
    public Tensor LogProbability { get; }

    /// <summary>(N, V), nats.</summary>
    public Tensor CrossEntropy { get; }

    /// <summary>(N, K, V).</summary>
    public Tensor Probability => probability ??= LogProbability.exp();

    /// <summary>(N, K, V), 0 or 1.</summary>
    public Tensor OneHot => oneHot ??=
        Target.unsqueeze(1).eq(arange(Classes, device: Target.device).view(1, -1, 1)).to(LogProbability.dtype);

    /// <summary>A number for each class, as a tensor of (K).</summary>
    public Tensor PerClass(IEnumerable<double> values) => tensor(values.ToArray(), LogProbability.dtype, LogProbability.device);

    /// <summary>Sums over the voxels of each class from <paramref name="firstClass"/> on.</summary>
    /// <param name="pooling">Over which voxels.</param>
    /// <param name="firstClass">1 leaves the background out.</param>
    public RegionSums Sums(Pooling pooling, long firstClass = 1)
    {
        long[] summed = pooling == Pooling.Batch ? [0, 2] : [2];
        var p = Probability.narrow(1, firstClass, Classes - firstClass);
        var r = OneHot.narrow(1, firstClass, Classes - firstClass);
        return pooling == Pooling.Batch
            ? new(Total((p * r).sum(summed)), Total(p.sum(summed)), Total(r.sum(summed)))
            : new((p * r).sum(summed), p.sum(summed), r.sum(summed));
    }

    /// <summary>The share of this part in a mean over the minibatch.</summary>
    /// <param name="values">(N, ...).</param>
    /// <returns>Scalar; the shares of all parts add up to the mean.</returns>
    public Tensor Mean(Tensor values) => part is null || part.Examples == Target.shape[0] ? values.mean() : values.mean() * ((double)Target.shape[0] / part.Examples);

    /// <summary>The mean over all voxels of the minibatch, known to every part; its gradient is that of this part alone.</summary>
    /// <param name="values">(N, V).</param>
    /// <returns>Scalar.</returns>
    public Tensor WholeMean(Tensor values) => part?.Sum is null ? values.mean() : Total(values.sum()) / (part.Examples * values.shape[1]);

    /// <summary>A sum over the minibatch, known to every part; its gradient is that of this part alone.</summary>
    /// <param name="sum">Over the examples of this part.</param>
    public Tensor Total(Tensor sum)
    {
        if (part?.Sum is not { } add)
        {
            return sum;
        }

        var own = sum.detach();
        var all = add(own);
        return sum.requires_grad ? sum - own + all : all;
    }

    /// <summary>The share of this part in the mean of a loss of regions.</summary>
    /// <param name="pooling">Over which voxels the sums ran.</param>
    /// <param name="values">(N, K'), or (K') over the batch.</param>
    public Tensor Pooled(Pooling pooling, Tensor values) => pooling == Pooling.Batch ? Share(values.mean()) : Mean(values);

    /// <summary>The share of this part in a loss that every part has computed from <see cref="Total"/>: values and gradients of all parts add up to those of the loss.</summary>
    /// <param name="whole">The loss.</param>
    public Tensor Share(Tensor whole) => part?.Sum is null ? whole : whole - whole.detach() * (1 - 1.0 / part.Parts);
}
