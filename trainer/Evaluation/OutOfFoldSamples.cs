using Credence.Inference.Sampling;

namespace Credence.Trainer.Evaluation;

/// <summary>What the samples of a network say about a case that it has not seen, at the decision that was found, and the true volumes.</summary>
/// <param name="Fold">The fold of the case.</param>
/// <param name="Network">Tells networks apart that judge the same cases: the seed.</param>
/// <param name="Patient">Whose case it is.</param>
/// <param name="Volumes">Of each foreground class, in order.</param>
/// <param name="MeanEntropies">The same: over the voxels of the segmentation, nats; null for one that is empty, and of an ensemble.</param>
internal sealed record OutOfFoldSamples(int Fold, ulong Network, string Patient, IReadOnlyList<SampledVolume> Volumes, IReadOnlyList<double?> MeanEntropies)
{
    /// <summary>Samples of the prediction.</summary>
    public int Samples => Volumes.Min(v => v.Samples);

    /// <summary>What a score stays at or below in 95 % of patients: of each patient the largest, and of all networks the largest limit. The scans of a patient are not independent, nor are several networks on one scan.</summary>
    /// <param name="cases">Every case once a network.</param>
    /// <param name="score">Null for a case that has none.</param>
    /// <returns>Null where a network has too few patients with a score.</returns>
    public static double? Limit(IReadOnlyList<OutOfFoldSamples> cases, Func<OutOfFoldSamples, double?> score)
    {
        var limits = cases.GroupBy(c => c.Network).Select(network => ConformalLimit.Of(
            [.. network.Where(c => score(c) is not null).GroupBy(c => c.Patient).Select(p => p.Max(c => score(c)!.Value))])).ToList();
        return limits.Contains(null) ? null : limits.Max();
    }
}
