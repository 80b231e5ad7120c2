namespace Credence.Models.Priors;

/// <summary>Families of priors.</summary>
public enum PriorKind
{
    /// <summary>One Gaussian for all layers.</summary>
    Gaussian,

    /// <summary>A Gaussian whose standard deviation is a share of the He standard deviation sqrt(2 / fan-in) of the layer.</summary>
    FanInGaussian,

    /// <summary>A wide and a narrow Gaussian (Blundell et al. 2015, arXiv:1505.05424, equation 7).</summary>
    ScaleMixture,

    /// <summary>The Laplace distribution.</summary>
    Laplace,
}
