namespace Credence.Models.Losses;

/// <summary>Cross entropy in which a voxel counts as much as its class: Σ w_y CE / Σ w_y, over the voxels of the minibatch.</summary>
/// <param name="Weights">One a class, background first, above 0; null takes the inverse of the classes' shares of the training voxels.</param>
internal sealed record WeightedCrossEntropyLoss(IReadOnlyList<double>? Weights) : ILoss
{
    public const string Name = "weighted-cross-entropy";

    public static WeightedCrossEntropyLoss Read(LossArguments arguments) => new(arguments.Numbers("weights", "inverse"));

    public MinibatchCoupling Coupling => MinibatchCoupling.Sums;

    public ILoss For(IReadOnlyList<double> classFractions)
    {
        if (Weights is null)
        {
            // A class without a voxel gets the weight of the rarest one: only augmentation could ever show it.
            var rarest = classFractions.Where(f => f > 0).Min();
            return new WeightedCrossEntropyLoss([.. classFractions.Select(f => 1 / Math.Max(f, rarest))]);
        }

        return Weights.Count == classFractions.Count
            ? this
            : throw new ArgumentException($"{this} has {Weights.Count} weights, but the data has {classFractions.Count} classes, background included.", nameof(classFractions));
    }

    public Tensor Compute(LossBatch batch)
    {
        var weights = Weights ?? throw new InvalidOperationException($"{this} does not know the classes of the data: call {nameof(LossSum)}.{nameof(LossSum.For)} first.");
        var largest = weights.Max(); // only ratios count, and float32 ends at 3e38
        var perVoxel = batch.PerClass(weights.Select(w => w / largest)).index_select(0, batch.Target.flatten()).view_as(batch.Target);
        return (perVoxel * batch.CrossEntropy).sum() / batch.Total(perVoxel.sum());
    }

    public bool Equals(WeightedCrossEntropyLoss? other) =>
        other is not null && (Weights is null ? other.Weights is null : other.Weights is not null && Weights.SequenceEqual(other.Weights));

    public override int GetHashCode() => Weights?.Count ?? 0;

    public override string ToString() => LossArguments.Write(Name, LossArguments.Named("weights", Weights, "inverse"));
}
