namespace Credence.Models.Priors;

/// <summary>Where the prior is centred.</summary>
public enum PriorMean
{
    /// <summary>At 0.</summary>
    Zero,

    /// <summary>At the weights that training started from (MOPED: Krishnan et al. 2020, arXiv:1906.05323). Stored in the checkpoint.</summary>
    Start,
}
