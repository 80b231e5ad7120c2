namespace Credence.Inference.Metrics;

/// <summary>Lesions found, invented and missed, and the scores that follow.</summary>
/// <param name="TruePositives">By the matching rule.</param>
/// <param name="FalsePositives">By the matching rule.</param>
/// <param name="FalseNegatives">By the matching rule.</param>
internal readonly record struct LesionCounts(int TruePositives, int FalsePositives, int FalseNegatives)
{
    /// <summary>TP / (TP + FP); NaN where nothing is predicted.</summary>
    public double Precision => (double)TruePositives / (TruePositives + FalsePositives);

    /// <summary>TP / (TP + FN); NaN where both are 0.</summary>
    public double Recall => (double)TruePositives / (TruePositives + FalseNegatives);

    /// <summary>TP / (TP + (FP + FN) / 2), which is also the recognition quality RQ; NaN where neither side has a lesion.</summary>
    public double F1 => TruePositives / (TruePositives + 0.5 * (FalsePositives + FalseNegatives));
}
