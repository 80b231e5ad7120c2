namespace Credence.Models.Losses;

/// <summary>Tversky loss: 1 − TP / (TP + α FP + β FN) of soft counts, averaged over foreground classes and examples. In [0, 1].</summary>
/// <remarks>
/// Source: Salehi et al. 2017, "Tversky loss function for image segmentation using 3D fully convolutional deep networks", section 2.2, arXiv:1706.05721.
/// α = β = 0.5 is soft Dice; β above α prefers false positives to missed lesions.
/// </remarks>
/// <param name="Alpha">α, weight of false positives.</param>
/// <param name="Beta">β, weight of false negatives.</param>
/// <param name="Pooling">Over which voxels the sums run.</param>
internal sealed record TverskyLoss(double Alpha, double Beta, Pooling Pooling) : ILoss
{
    public const string Name = "tversky";

    public MinibatchCoupling Coupling => Pooling == Pooling.Batch ? MinibatchCoupling.Sums : MinibatchCoupling.None;

    public static TverskyLoss Read(LossArguments arguments) => new(
        arguments.Number("alpha", 0.3, LossArguments.Positive), arguments.Number("beta", 0.7, LossArguments.Positive), arguments.Pooling());

    /// <summary>1 − the Tversky index of every example and foreground class: (N, K − 1), or (K − 1) over the batch.</summary>
    public Tensor Deficit(LossBatch batch)
    {
        var (overlap, predicted, reference) = batch.Sums(Pooling);
        var errors = Alpha * (predicted - overlap) + Beta * (reference - overlap);
        return errors / (overlap + errors + RegionSums.Smooth);
    }

    public Tensor Compute(LossBatch batch) => batch.Pooled(Pooling, Deficit(batch));

    public override string ToString() => LossArguments.Write(
        Name, LossArguments.Named("alpha", Alpha), LossArguments.Named("beta", Beta), LossArguments.Named(Pooling));
}
