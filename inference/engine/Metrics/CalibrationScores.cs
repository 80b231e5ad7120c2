namespace Credence.Inference.Metrics;

/// <summary>How good the probabilities of a set of voxels are.</summary>
/// <param name="Voxels">How many.</param>
/// <param name="NegativeLogLikelihood">Mean of -ln p(truth), nats; p is raised to <see cref="SmallestProbability"/>. NaN without voxels.</param>
/// <param name="Brier">
/// One class: mean of (p - y)², in [0, 1]. Several classes: mean over voxels of the sum over classes, in [0, 2] (Brier 1950). NaN without voxels.
/// </param>
/// <param name="EqualWidth">Reliability in bins of equal width.</param>
/// <param name="EqualMass">Reliability in bins of equal mass.</param>
internal sealed record CalibrationScores(
    long Voxels, double NegativeLogLikelihood, double Brier, ReliabilityDiagram EqualWidth, ReliabilityDiagram EqualMass)
{
    /// <summary>Stands for any smaller probability of the truth, which single precision may round to 0.</summary>
    public const double SmallestProbability = 1e-7;

    /// <summary>Scores the probability of one class.</summary>
    /// <param name="probabilities">Of the class, in [0, 1].</param>
    /// <param name="isClass">Whether the reference has the class.</param>
    /// <param name="bins">Bins of both diagrams.</param>
    public static CalibrationScores OfClass(ReadOnlySpan<float> probabilities, ReadOnlySpan<bool> isClass, int bins)
    {
        var (logs, squares) = (0.0, 0.0);
        for (var v = 0; v < probabilities.Length; v++)
        {
            double p = probabilities[v];
            if (p == 0 && !isClass[v])
            {
                continue; // most voxels: right and certain
            }

            logs -= Math.Log(Math.Max(isClass[v] ? p : 1 - p, SmallestProbability));
            squares += (isClass[v] ? 1 - p : p) * (isClass[v] ? 1 - p : p);
        }

        var voxels = probabilities.Length;
        return new(
            voxels, logs / voxels, squares / voxels,
            ReliabilityDiagram.EqualWidth(probabilities, isClass, bins), ReliabilityDiagram.EqualMass(probabilities, isClass, bins));
    }

    /// <summary>Scores the probabilities of all classes together; the diagrams are of the most probable class, as Guo et al. 2017 draw them.</summary>
    /// <param name="classes">Of every voxel.</param>
    /// <param name="bins">Bins of both diagrams.</param>
    public static CalibrationScores OfAllClasses(ClassProbabilities classes, int bins)
    {
        var (probabilities, truth) = classes;
        var squares = 0.0;
        var (confidence, isHit) = (new float[truth.Length], new bool[truth.Length]);
        for (var v = 0; v < truth.Length; v++)
        {
            var best = 0;
            for (var k = 0; k < probabilities.Count; k++)
            {
                double p = probabilities[k][v];
                var miss = k == truth[v] ? 1 - p : p;
                squares += miss * miss;
                best = probabilities[k][v] > probabilities[best][v] ? k : best;
            }

            (confidence[v], isHit[v]) = (probabilities[best][v], best == truth[v]);
        }

        return new(
            truth.Length, classes.NegativeLogLikelihood, squares / truth.Length,
            ReliabilityDiagram.EqualWidth(confidence, isHit, bins), ReliabilityDiagram.EqualMass(confidence, isHit, bins));
    }
}
