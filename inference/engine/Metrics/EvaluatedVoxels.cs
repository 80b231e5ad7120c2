namespace Credence.Inference.Metrics;

/// <summary>The voxels of a case that calibration, retention and error detection look at: all, or those of a region.</summary>
internal sealed class EvaluatedVoxels
{
    private readonly EvaluationCase @case;
    private readonly int[]? offsets; // null is every voxel

    private EvaluatedVoxels(EvaluationCase @case, int[]? offsets) => (this.@case, this.offsets) = (@case, offsets);

    /// <summary>All voxels, or those of the case's region.</summary>
    public static EvaluatedVoxels Of(EvaluationCase @case)
    {
        if (@case.Region is null)
        {
            return new(@case, null);
        }

        var labels = @case.Region.Labels;
        return new(@case, [.. Enumerable.Range(0, labels.Length).Where(v => labels[v] != 0)]);
    }

    /// <summary>Only the given voxels.</summary>
    public EvaluatedVoxels Within(int[] others) => new(@case, others);

    /// <summary>The voxels in rising order of uncertainty, tagged with both labels.</summary>
    public ScoreOrder OrderByUncertainty()
    {
        var tags = new ushort[offsets?.Length ?? @case.Reference.Labels.Length];
        for (var n = 0; n < tags.Length; n++)
        {
            var v = offsets?[n] ?? n;
            tags[n] = LabelPair.Create(@case.Reference.Labels[v], @case.Prediction.Labels[v]);
        }

        return ScoreOrder.Sort(Select(@case.Uncertainty!.Voxels), tags);
    }

    /// <summary>Scores of one class.</summary>
    public CalibrationScores Calibration(float[] probability, byte label, int bins)
    {
        var labels = Select(@case.Reference.Labels);
        var isClass = new bool[labels.Length];
        for (var n = 0; n < labels.Length; n++)
        {
            isClass[n] = labels[n] == label;
        }

        return CalibrationScores.OfClass(Select(probability), isClass, bins);
    }

    /// <summary>Scores of all classes; null unless every class has a probability and the reference holds no other label.</summary>
    public CalibrationScores? Calibration(IReadOnlyList<byte> foreground, int bins)
    {
        if (!foreground.All(@case.Probabilities.ContainsKey))
        {
            return null;
        }

        var classes = ClassProbabilities.Of([.. foreground.Select(label => Select(@case.Probabilities[label].Voxels))], foreground, Select(@case.Reference.Labels));
        return classes is null ? null : CalibrationScores.OfAllClasses(classes, bins);
    }

    private T[] Select<T>(T[] all)
    {
        if (offsets is null)
        {
            return all;
        }

        var selected = new T[offsets.Length];
        for (var n = 0; n < selected.Length; n++)
        {
            selected[n] = all[offsets[n]];
        }

        return selected;
    }
}
