namespace Credence.Models.Losses;

/// <summary>Generalised Dice loss: 1 − 2 Σₖ wₖ Σ p r / Σₖ wₖ (Σ p + Σ r) with wₖ = 1 / (Σ r)², background included, averaged over examples. In [0, 1].</summary>
/// <remarks>
/// Source: Sudre et al. 2017, "Generalised Dice overlap as a deep learning loss function", section 2.2, arXiv:1707.03237.
/// A class absent from the target, whose weight would be infinite, has that of the smallest class present (as in MONAI).
/// Nothing is added to numerator and denominator: some class is always present, and the weights of large patches are so small that it would win.
/// </remarks>
/// <param name="Pooling">Over which voxels the sums run.</param>
internal sealed record GeneralisedDiceLoss(Pooling Pooling) : ILoss
{
    public const string Name = "generalised-dice";

    public MinibatchCoupling Coupling => Pooling == Pooling.Batch ? MinibatchCoupling.Sums : MinibatchCoupling.None;

    public static GeneralisedDiceLoss Read(LossArguments arguments) => new(arguments.Pooling());

    public Tensor Compute(LossBatch batch)
    {
        var (overlap, predicted, reference) = batch.Sums(Pooling, firstClass: 0);
        var isPresent = reference > 0;
        var smallest = where(isPresent, reference, full_like(reference, double.PositiveInfinity)).amin([-1], keepdim: true);
        var weight = (smallest / where(isPresent, reference, smallest)).square(); // relative to the largest weight: in (0, 1]

        var total = predicted + reference;
        return batch.Pooled(Pooling, (weight * (total - 2 * overlap)).sum(-1) / (weight * total).sum(-1));
    }

    public override string ToString() => LossArguments.Write(Name, LossArguments.Named(Pooling));
}
