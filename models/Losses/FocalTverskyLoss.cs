namespace Credence.Models.Losses;

/// <summary>Focal Tversky loss: (1 − Tversky index)^(1/γ), averaged over foreground classes and examples. In [0, 1].</summary>
/// <remarks>
/// Source: Abraham and Khan 2019, "A novel focal Tversky loss function with improved attention U-Net for lesion segmentation", section 3.1,
/// arXiv:1810.07842. The exponent is 1/γ as printed there; γ above 1 keeps the gradient of regions that are almost right.
/// </remarks>
/// <param name="Tversky">The index. α and β as in Salehi et al.; Abraham and Khan swap the letters.</param>
/// <param name="Gamma">γ.</param>
internal sealed record FocalTverskyLoss(TverskyLoss Tversky, double Gamma) : ILoss
{
    public const string Name = "focal-tversky";
    private const double Smallest = 1e-7; // the slope at 0 is infinite

    public MinibatchCoupling Coupling => Tversky.Coupling;

    public static FocalTverskyLoss Read(LossArguments arguments) =>
        new(TverskyLoss.Read(arguments), arguments.Number("gamma", 4.0 / 3, LossArguments.Positive));

    public Tensor Compute(LossBatch batch) => batch.Pooled(Tversky.Pooling, Tversky.Deficit(batch).clamp(min: Smallest).pow(1 / Gamma));

    public override string ToString() => LossArguments.Write(
        Name, LossArguments.Named("alpha", Tversky.Alpha), LossArguments.Named("beta", Tversky.Beta), LossArguments.Named("gamma", Gamma), LossArguments.Named(Tversky.Pooling));
}
