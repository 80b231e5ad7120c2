namespace Credence.Models;

/// <summary>How a training pass draws Gaussian weights. Outside training there is one weight sample for a whole volume, whatever the estimator.</summary>
public enum WeightEstimator
{
    /// <summary>One draw of the weights, shared by all examples of the minibatch (Blundell et al. 2015, arXiv:1505.05424).</summary>
    Reparameterisation,

    /// <summary>The draw of every example has signs of its own, per channel (Wen et al. 2018, arXiv:1803.04386). Two operations a layer.</summary>
    Flipout,

    /// <summary>The outputs are drawn instead of the weights, each for itself (Kingma et al. 2015, arXiv:1506.02557). Two operations a layer.</summary>
    LocalReparameterisation,
}
