namespace Credence.Models.Losses;

/// <summary>Cross entropy averaged over a fixed percentage of the minibatch's voxels, those with the highest loss, whatever their class.</summary>
/// <remarks>Source: Wu et al. 2016, "Bridging category-level and instance-level semantic image segmentation", section 3.1, arXiv:1605.06885; the form of nnU-Net.</remarks>
/// <param name="Percent">In (0, 100].</param>
internal sealed record TopKLoss(double Percent) : ILoss
{
    public const string Name = "top-k";

    public MinibatchCoupling Coupling => MinibatchCoupling.Order;

    public static TopKLoss Read(LossArguments arguments) => new(arguments.Number("percent", 10, LossArguments.Percentage));

    public Tensor Compute(LossBatch batch)
    {
        var loss = batch.CrossEntropy.flatten();
        var kept = Math.Max(1, (int)(loss.numel() * Percent / 100));
        return loss.topk(kept, sorted: false).values.mean();
    }

    public override string ToString() => LossArguments.Write(Name, LossArguments.Named("percent", Percent));
}
