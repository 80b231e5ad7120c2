namespace Credence.Models.Losses;

/// <summary>
/// Accuracy versus uncertainty calibration: ln(1 + (n_AU + n_IC) / (n_AC + n_IU)) of soft counts of accurate or inaccurate, certain or uncertain voxels.
/// Low where the network is certain exactly where it is right. Belongs beside a loss that teaches it to be right.
/// </summary>
/// <remarks>
/// Source: Krishnan and Tickoo 2020, "Improving model calibration with accuracy versus uncertainty optimization", equations 2 to 4, arXiv:2012.07923.
/// Confidence is the largest probability, uncertainty the entropy of this one pass, in nats. The four groups are drawn by thresholds, which have no gradient.
/// </remarks>
/// <param name="Threshold">Entropy above which a voxel is uncertain, nats; null takes the middle between the mean entropies of right and of wrong voxels of the minibatch.</param>
internal sealed record AccuracyUncertaintyLoss(double? Threshold) : ILoss
{
    public const string Name = "avuc";
    private const double Smallest = 1e-20; // in mean soft counts: an empty denominator stays finite, in float32 too

    public MinibatchCoupling Coupling => MinibatchCoupling.Sums;

    public static AccuracyUncertaintyLoss Read(LossArguments arguments) => new(arguments.OptionalNumber("threshold", LossArguments.Positive));

    public Tensor Compute(LossBatch batch)
    {
        var entropy = -(batch.Probability * batch.LogProbability).sum(1); // (N, V)
        var (logConfidence, predicted) = batch.LogProbability.max(1);
        var (confidence, doubt) = (logConfidence.exp(), -logConfidence.expm1());
        var uncertainty = entropy.tanh();

        var isAccurate = predicted.eq(batch.Target);
        var isUncertain = entropy.detach() > (Threshold is { } given ? batch.PerClass([given]) : Middle(batch, entropy.detach(), isAccurate));
        var softCount = where(isAccurate, confidence, doubt) * where(isUncertain, uncertainty, 1 - uncertainty);
        var isWellPlaced = isAccurate.ne(isUncertain); // accurate and certain, or inaccurate and uncertain
        var well = batch.WholeMean(softCount * isWellPlaced);
        var badly = batch.WholeMean(softCount * isWellPlaced.logical_not());

        return batch.Share((well + badly + Smallest).log() - (well + Smallest).log());
    }

    public override string ToString() => LossArguments.Write(Name, Threshold is { } threshold ? LossArguments.Named("threshold", threshold) : null);

    /// <summary>The middle between the mean entropies of both groups; where one is empty, the mean of the other.</summary>
    private static Tensor Middle(LossBatch batch, Tensor entropy, Tensor isAccurate)
    {
        var accurate = isAccurate.to(entropy.dtype);
        var (right, wrong) = (batch.Total(accurate.sum()), batch.Total((1 - accurate).sum()));
        var ofRight = batch.Total((entropy * accurate).sum()) / right.clamp(min: 1);
        var ofWrong = batch.Total((entropy * (1 - accurate)).sum()) / wrong.clamp(min: 1);
        return (ofRight + ofWrong) / (right.clamp(max: 1) + wrong.clamp(max: 1));
    }
}
