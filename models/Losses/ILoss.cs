namespace Credence.Models.Losses;

/// <summary>A loss of one pass, without parameters of its own. Its <c>ToString</c> is the text it is read from.</summary>
internal interface ILoss
{
    /// <summary>Whether the loss is the negative log-likelihood of independent voxels, in nats per voxel.</summary>
    bool IsLogLikelihood => false;

    /// <summary>How the examples of a minibatch depend on each other.</summary>
    MinibatchCoupling Coupling => MinibatchCoupling.None;

    /// <summary>The loss for data of known classes; refuses what does not fit them.</summary>
    /// <param name="classFractions">Share of the voxels of each of the K classes, background first.</param>
    /// <exception cref="ArgumentException">The loss is written for another number of classes.</exception>
    ILoss For(IReadOnlyList<double> classFractions) => this;

    /// <summary>Computes the loss. Tensors made on the way belong to the dispose scope of the caller, who shares them between losses.</summary>
    /// <param name="batch">Output and target.</param>
    /// <returns>Scalar: the share of this part of the minibatch.</returns>
    Tensor Compute(LossBatch batch);
}
