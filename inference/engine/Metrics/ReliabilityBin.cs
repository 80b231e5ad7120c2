namespace Credence.Inference.Metrics;

/// <summary>One bin of a reliability diagram.</summary>
/// <param name="Count">Voxels.</param>
/// <param name="MeanProbability">Mean over them of what was predicted; NaN for an empty bin.</param>
/// <param name="ObservedFrequency">Share of them where it was so; NaN for an empty bin.</param>
internal sealed record ReliabilityBin(long Count, double MeanProbability, double ObservedFrequency)
{
    /// <summary>|observed - predicted|; NaN for an empty bin.</summary>
    public double Gap => Math.Abs(ObservedFrequency - MeanProbability);
}
