namespace Credence.Models.Losses;

/// <summary>Cross entropy, the negative log-likelihood of independent voxels, averaged over voxels.</summary>
internal sealed record CrossEntropyLoss : ILoss
{
    public const string Name = "cross-entropy";

    public bool IsLogLikelihood => true;

    public Tensor Compute(LossBatch batch) => batch.Mean(batch.CrossEntropy);

    public override string ToString() => Name;
}
