namespace Credence.Inference.Metrics;

/// <summary>How lesions are told apart and matched.</summary>
/// <param name="Matching">The rule.</param>
/// <param name="Connectivity">Which voxels belong to one lesion.</param>
/// <param name="Threshold">IoU from which two lesions match, in (0, 1].</param>
internal sealed record LesionRule(MatchingRule Matching, Connectivity Connectivity, double Threshold)
{
    /// <summary>The rule with the connectivity and threshold of its source.</summary>
    public static LesionRule Of(MatchingRule matching) => matching switch
    {
        MatchingRule.Shifts => new(matching, Connectivity.Six, 0.25),
        MatchingRule.MsWmlUncs => new(matching, Connectivity.Eighteen, 0.25),
        _ => new(matching, Connectivity.TwentySix, 0.5),
    };
}
