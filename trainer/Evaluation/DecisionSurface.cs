using Credence.Inference;
using Credence.MedicalIO;

namespace Credence.Trainer.Evaluation;

/// <summary>The objective of one prediction at every threshold and every minimum lesion size.</summary>
/// <remarks>Lesions are labelled once a threshold; all sizes follow from sums over lesions by size, so the search over sizes is exact. Lesions are 26-connected, as in the engine's decision.</remarks>
internal static class DecisionSurface
{
    /// <summary>Computes the surface.</summary>
    /// <param name="foreground">(D, H, W), probability of all foreground classes together.</param>
    /// <param name="reference">(D, H, W), foreground of the mask.</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="objective">What is measured.</param>
    /// <param name="thresholds">Foreground is above the threshold.</param>
    /// <param name="largestMinimum">Sizes from 1 to this: smaller lesions are removed.</param>
    /// <returns>[threshold][size - 1].</returns>
    public static double[][] Compute(float[] foreground, bool[] reference, Size3 size, TuningObjective objective, IReadOnlyList<double> thresholds, int largestMinimum)
    {
        var (lesions, lesionSizes) = ConnectedComponents.Label(reference, size);
        return [.. thresholds.Select(threshold =>
        {
            var (components, counts) = ConnectedComponents.Label([.. foreground.Select(p => p > (float)threshold)], size);
            return objective == TuningObjective.Dice
                ? Dice(components, counts, reference, largestMinimum)
                : LesionF1(components, counts, lesions, lesionSizes.Count, largestMinimum);
        })];
    }

    private static double[] Dice(int[] components, IReadOnlyList<int> counts, bool[] reference, int largestMinimum)
    {
        var overlaps = new int[counts.Count];
        var total = 0L;
        for (var v = 0; v < components.Length; v++)
        {
            total += reference[v] ? 1 : 0;
            if (components[v] != 0 && reference[v])
            {
                overlaps[components[v] - 1]++;
            }
        }

        // What is left at minimum s are the lesions of size s and more: sums from the largest size down.
        var (predicted, overlap) = (new long[largestMinimum + 1], new long[largestMinimum + 1]);
        for (var n = 0; n < counts.Count; n++)
        {
            var bin = Math.Min(counts[n], largestMinimum);
            predicted[bin] += counts[n];
            overlap[bin] += overlaps[n];
        }

        var dice = new double[largestMinimum];
        var (predictedSum, overlapSum) = (0L, 0L);
        for (var s = largestMinimum; s >= 1; s--)
        {
            (predictedSum, overlapSum) = (predictedSum + predicted[s], overlapSum + overlap[s]);
            dice[s - 1] = predictedSum + total == 0 ? 1 : 2.0 * overlapSum / (predictedSum + total);
        }

        return dice;
    }

    private static double[] LesionF1(int[] components, IReadOnlyList<int> counts, int[] lesions, int lesionCount, int largestMinimum)
    {
        var isTrue = new bool[counts.Count];
        var foundUpTo = new int[lesionCount]; // size of the largest predicted lesion that overlaps it
        for (var v = 0; v < components.Length; v++)
        {
            if (components[v] != 0 && lesions[v] != 0)
            {
                isTrue[components[v] - 1] = true;
                foundUpTo[lesions[v] - 1] = Math.Max(foundUpTo[lesions[v] - 1], counts[components[v] - 1]);
            }
        }

        var f1 = new double[largestMinimum];
        var (falseSizes, foundSizes) = (new int[largestMinimum + 1], new int[largestMinimum + 1]);
        for (var n = 0; n < counts.Count; n++)
        {
            falseSizes[Math.Min(counts[n], largestMinimum)] += isTrue[n] ? 0 : 1;
        }

        foreach (var found in foundUpTo)
        {
            foundSizes[Math.Min(found, largestMinimum)]++;
        }

        var (falsePositives, truePositives) = (0, 0);
        for (var s = largestMinimum; s >= 1; s--)
        {
            (falsePositives, truePositives) = (falsePositives + falseSizes[s], truePositives + foundSizes[s]);
            f1[s - 1] = lesionCount + falsePositives == 0 ? 1 : 2.0 * truePositives / (truePositives + falsePositives + lesionCount);
        }

        return f1;
    }
}
