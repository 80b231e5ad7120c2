namespace Credence.Models.Losses;

/// <summary>The denominator of soft Dice.</summary>
internal enum DiceDenominator
{
    /// <summary>Σ p + Σ r (Drozdzal et al. 2016, arXiv:1608.04117, section 2; nnU-Net).</summary>
    Plain,

    /// <summary>Σ p² + Σ r² (Milletari et al. 2016, V-Net, arXiv:1606.04797, section 3).</summary>
    Squared,
}

/// <summary>Soft Dice loss: 1 − 2 Σ p r / denominator, averaged over foreground classes and, unless pooled over the batch, examples. In [0, 1].</summary>
/// <remarks>A class absent from prediction and target costs nothing.</remarks>
/// <param name="Pooling">Over which voxels the sums run.</param>
/// <param name="Denominator">Which denominator.</param>
internal sealed record SoftDiceLoss(Pooling Pooling, DiceDenominator Denominator) : ILoss
{
    public const string Name = "dice";

    public MinibatchCoupling Coupling => Pooling == Pooling.Batch ? MinibatchCoupling.Sums : MinibatchCoupling.None;

    public static SoftDiceLoss Read(LossArguments arguments) =>
        new(arguments.Pooling(), arguments.Flag("squared") ? DiceDenominator.Squared : DiceDenominator.Plain);

    public Tensor Compute(LossBatch batch)
    {
        var (overlap, predicted, reference) = batch.Sums(Pooling);
        if (Denominator == DiceDenominator.Squared)
        {
            var squares = batch.Probability.narrow(1, 1, batch.Classes - 1).square();
            predicted = Pooling == Pooling.Batch ? batch.Total(squares.sum([0, 2])) : squares.sum([2L]);
        }

        var total = predicted + reference;
        return batch.Pooled(Pooling, (total - 2 * overlap) / (total + RegionSums.Smooth));
    }

    public override string ToString() => LossArguments.Write(
        Name, LossArguments.Named(Pooling), Denominator == DiceDenominator.Squared ? "squared" : null);
}
