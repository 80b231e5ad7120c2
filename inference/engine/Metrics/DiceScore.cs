using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>Dice coefficient of two label maps: 2 |A ∩ B| / (|A| + |B|).</summary>
/// <remarks>Source: Dice 1945, doi:10.2307/1932409. A label that neither map holds has no Dice: NaN, which a mean leaves out.</remarks>
public static class DiceScore
{
    /// <summary>Computes the score of one label.</summary>
    /// <returns>In [0, 1], or NaN where neither map holds the label.</returns>
    /// <exception cref="ArgumentException">The maps differ in size.</exception>
    public static double Compute(LabelMap prediction, LabelMap reference, byte label)
    {
        if (prediction.Geometry.Size != reference.Geometry.Size)
        {
            throw new ArgumentException($"The prediction has {prediction.Geometry.Size} voxels but the reference {reference.Geometry.Size}.", nameof(reference));
        }

        var (both, sum) = (0L, 0L);
        var (a, b) = (prediction.Labels, reference.Labels);
        for (var v = 0; v < a.Length; v++)
        {
            var (inA, inB) = (a[v] == label, b[v] == label);
            both += inA && inB ? 1 : 0;
            sum += (inA ? 1 : 0) + (inB ? 1 : 0);
        }

        return sum == 0 ? double.NaN : 2.0 * both / sum;
    }
}
