namespace Credence.Models.Losses;

/// <summary>Focal loss: −α (1 − p)^γ ln p of the right class, averaged over voxels. Voxels that are already right count little.</summary>
/// <remarks>Source: Lin et al. 2017, "Focal Loss for Dense Object Detection", section 3.2, arXiv:1708.02002, with softmax in place of the sigmoid.</remarks>
/// <param name="Gamma">γ; 0 is cross entropy.</param>
/// <param name="Alpha">Weight of the foreground classes; the background has 1 − α. Null weighs nothing.</param>
internal sealed record FocalLoss(double Gamma, double? Alpha) : ILoss
{
    public const string Name = "focal";
    private const double Smallest = 1e-12; // below 1, γ has an infinite slope at 0

    public static FocalLoss Read(LossArguments arguments) =>
        new(arguments.Number("gamma", 2, LossArguments.NotNegative), arguments.OptionalNumber("alpha", LossArguments.BetweenZeroAndOne));

    public Tensor Compute(LossBatch batch)
    {
        var wrong = (-(-batch.CrossEntropy).expm1()).clamp(min: Smallest); // 1 − p, exact where p is almost 1
        var loss = wrong.pow(Gamma) * batch.CrossEntropy;
        if (Alpha is { } alpha)
        {
            loss = loss * batch.PerClass([1 - alpha, alpha]).index_select(0, batch.Target.flatten().clamp(max: 1)).view_as(batch.Target);
        }

        return batch.Mean(loss);
    }

    public override string ToString() => LossArguments.Write(Name, LossArguments.Named("gamma", Gamma), Alpha is { } alpha ? LossArguments.Named("alpha", alpha) : null);
}
