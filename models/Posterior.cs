namespace Credence.Models;

/// <summary>What the weights of a network are.</summary>
public enum Posterior
{
    /// <summary>One value a weight.</summary>
    Plain,

    /// <summary>One value a weight; whole channels are dropped at random in every pass (Tompson et al. 2015, arXiv:1411.4280, section 3.2).</summary>
    ChannelDropout,

    /// <summary>Weights are independent Gaussians, in the stages that <see cref="NetworkOptions.BayesianStages"/> names (Blundell et al. 2015, arXiv:1505.05424).</summary>
    MeanField,
}
