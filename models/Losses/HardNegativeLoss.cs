namespace Credence.Models.Losses;

/// <summary>
/// Online hard negative mining: cross entropy averaged over all lesion voxels and, in each example, over the background voxels with the highest loss,
/// k times as many as the example has lesion voxels; of an example without lesion voxels, a fixed number.
/// </summary>
/// <remarks>
/// Source: Shrivastava et al. 2016, "Training region-based object detectors with online hard example mining", arXiv:1604.03540; the ratio of 3 is that of
/// Liu et al. 2016, SSD, section 2.2, arXiv:1512.02325. A lesion voxel is a voxel of any foreground class.
/// From the first step, mining can hold the network at a constant: see docs/decisions/0012-mining-warms-up.md. So at the start of a run all negatives are kept, and their
/// number shrinks to k a lesion voxel during the warm-up.
/// </remarks>
/// <param name="K">Negatives a lesion voxel.</param>
/// <param name="Floor">Negatives of an example without lesion voxels, so that it teaches too; all of them where it has less. An example with a small lesion keeps k a voxel: there the ratio matters most.</param>
/// <param name="WarmUp">Share of the run in which the negatives shrink; 0 mines from the first step.</param>
internal sealed record HardNegativeLoss(double K, double Floor, double WarmUp) : ILoss
{
    public const string Name = "hard-negatives";

    public MinibatchCoupling Coupling => MinibatchCoupling.Sums;

    public static HardNegativeLoss Read(LossArguments arguments) => new(
        arguments.Number("k", 3, LossArguments.Positive), arguments.Number("floor", 100, LossArguments.AtLeastOne),
        arguments.Number("warm-up", 0.3, LossArguments.BetweenZeroAndOne));

    public Tensor Compute(LossBatch batch)
    {
        var isLesion = batch.Target > 0;
        var lesionVoxels = isLesion.sum(1, keepdim: true); // (N, 1)
        var kept = Kept(lesionVoxels, batch.Target.shape[1], batch.Progress);

        // Lesion voxels go to the end of each row, behind every negative: a cross entropy is never below 0.
        var most = (int)kept.max().item<double>(); // of any example: after the warm-up a small part of the voxels, which need no sorting
        var (hardest, _) = where(isLesion, -ones_like(batch.CrossEntropy), batch.CrossEntropy).topk(most, dim: 1);
        var isKept = arange(most, device: batch.Target.device) < kept; // (N, most)

        var lesions = (batch.CrossEntropy * isLesion).sum();
        return (lesions + (hardest * isKept).sum()) / batch.Total((lesionVoxels.sum() + isKept.sum()).to(batch.CrossEntropy.dtype));
    }

    /// <summary>How many negatives of each example are kept, (N, 1).</summary>
    /// <param name="lesionVoxels">(N, 1), int64.</param>
    /// <param name="voxels">V.</param>
    /// <param name="progress">Share of the run that is over.</param>
    internal Tensor Kept(Tensor lesionVoxels, long voxels, double progress)
    {
        var negatives = (voxels - lesionVoxels).to(ScalarType.Float64);
        var mined = where(lesionVoxels == 0, full_like(negatives, Floor), K * lesionVoxels.to(ScalarType.Float64)).minimum(negatives);
        var mining = WarmUp == 0 ? 1 : Math.Min(1, progress / WarmUp);
        return (negatives + mining * (mined - negatives)).round();
    }

    public override string ToString() => LossArguments.Write(
        Name, LossArguments.Named("k", K), LossArguments.Named("floor", Floor), LossArguments.Named("warm-up", WarmUp));
}
