namespace Credence.Inference.Sampling;

/// <summary>What a score of a new patient stays at or below with a stated probability, whatever it is distributed like.</summary>
/// <remarks>Split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018, arXiv:1604.04173, section 2): for patients that could be exchanged with those of the limit.</remarks>
internal static class ConformalLimit
{
    /// <summary>The probability.</summary>
    public const double Coverage = 0.95;

    /// <summary>Fewer patients have no largest score that could stand for <see cref="Coverage"/>.</summary>
    public const int FewestPatients = 19;

    /// <summary>The ⌈(n + 1) 0.95⌉-th smallest score of n patients.</summary>
    /// <param name="scores">Of patients that the network has not seen, the largest of each.</param>
    /// <returns>Null for fewer than <see cref="FewestPatients"/>.</returns>
    public static double? Of(IReadOnlyCollection<double> scores)
    {
        var rank = (int)Math.Ceiling((scores.Count + 1) * Coverage);
        return rank <= scores.Count ? scores.Order().ElementAt(rank - 1) : null;
    }
}
