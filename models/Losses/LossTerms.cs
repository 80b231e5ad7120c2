namespace Credence.Models.Losses;

/// <summary>A loss on one minibatch; owns its tensors.</summary>
/// <param name="Total">What is minimised: scalar, the mean per voxel of the data term.</param>
/// <param name="NegativeLogLikelihood">Cross entropy, nats per voxel, scalar, detached; whatever the loss is.</param>
public sealed record LossTerms(Tensor Total, Tensor NegativeLogLikelihood) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Total.Dispose();
        NegativeLogLikelihood.Dispose();
    }
}
