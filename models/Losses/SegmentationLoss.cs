namespace Credence.Models.Losses;

/// <summary>The terms of a loss on one minibatch; owns its tensors.</summary>
/// <param name="Total">What is minimised: scalar, the mean per voxel of the data term.</param>
/// <param name="NegativeLogLikelihood">Cross entropy, nats per voxel, scalar.</param>
public sealed record LossTerms(Tensor Total, Tensor NegativeLogLikelihood) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Total.Dispose();
        NegativeLogLikelihood.Dispose();
    }
}

/// <summary>Losses of a segmentation network.</summary>
public enum SegmentationLossKind
{
    /// <summary>Cross entropy plus soft Dice. Not a log-likelihood: a Bayesian run with it is generalised Bayes.</summary>
    DiceCrossEntropy,

    /// <summary>Cross entropy alone, the negative log-likelihood of independent voxels.</summary>
    CrossEntropy,
}

/// <summary>Computes the data term of the training objective.</summary>
public static class SegmentationLoss
{
    /// <summary>Whether the loss is a negative log-likelihood, so that with a KL term it is an ELBO in the strict sense.</summary>
    public static bool IsLogLikelihood(SegmentationLossKind kind) => kind == SegmentationLossKind.CrossEntropy;

    /// <summary>Computes the loss.</summary>
    /// <param name="kind">Which loss.</param>
    /// <param name="logits">(N, K, D, H, W).</param>
    /// <param name="target">(N, D, H, W), int64 class indices in [0, K).</param>
    public static LossTerms Compute(SegmentationLossKind kind, Tensor logits, Tensor target)
    {
        using var scope = NewDisposeScope();

        var logProbability = functional.log_softmax(logits, dim: 1);
        var crossEntropy = functional.nll_loss(logProbability, target);
        if (kind == SegmentationLossKind.CrossEntropy)
        {
            return new(crossEntropy.MoveToOuterDisposeScope(), crossEntropy.detach().MoveToOuterDisposeScope());
        }

        var classes = arange(logits.shape[1], device: logits.device).view(1, -1, 1, 1, 1);
        var oneHot = target.unsqueeze(1).eq(classes).to(logits.dtype); // (N, K, D, H, W)
        var total = crossEntropy + SoftDiceLoss.Compute(logProbability.exp(), oneHot);
        return new(total.MoveToOuterDisposeScope(), crossEntropy.detach().MoveToOuterDisposeScope());
    }
}
