namespace Credence.Models.Losses;

/// <summary>(1 − p^q) / q of the right class, averaged over voxels: cross entropy as q tends to 0, the expected classification error 1 − p at q = 1.</summary>
/// <remarks>Source: Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy Labels", section 3.2, arXiv:1805.07836.</remarks>
/// <param name="Q">In (0, 1].</param>
internal sealed record GeneralisedCrossEntropyLoss(double Q) : ILoss
{
    public const string Name = "generalised-cross-entropy";

    public static GeneralisedCrossEntropyLoss Read(LossArguments arguments) => new(arguments.Number("q", 0.7, LossArguments.UpToOne));

    public Tensor Compute(LossBatch batch) => batch.Mean((batch.CrossEntropy * -Q).expm1() / -Q);

    public override string ToString() => LossArguments.Write(Name, LossArguments.Named("q", Q));
}
