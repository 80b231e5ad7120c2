using Credence.Inference.Model;

namespace Credence.Inference.Metrics;

/// <summary>Everything that was measured on one case.</summary>
internal sealed record CaseEvaluation
{
    /// <summary>Name of the case.</summary>
    public required string Case { get; init; }

    /// <summary>The rules.</summary>
    public required EvaluationOptions Options { get; init; }

    /// <summary>Per class, with lesions, curves and diagrams.</summary>
    public required IReadOnlyList<ClassEvaluation> Classes { get; init; }

    /// <summary>Of all classes together, where there are several and each has a probability; else null.</summary>
    public required CalibrationScores? Calibration { get; init; }

    /// <summary>How well the uncertainty finds wrong voxels; null where none was given.</summary>
    public required ErrorDetection? ErrorDetection { get; init; }

    /// <summary>
    /// Every number by name, <c>class/metric</c> or <c>all/metric</c> for all classes together; null is undefined. The names are listed in docs/reference/metrics.md.
    /// A name depends on the options and on which maps were given, never on the labels, so cases of one data set have the same names.
    /// </summary>
    public required IReadOnlyDictionary<string, double?> Values { get; init; }

    /// <summary>Names of the values that were an empty case, so that <see cref="EvaluationOptions.EmptyCases"/> decided them.</summary>
    public required IReadOnlySet<string> EmptyValues { get; init; }

    /// <summary>Measures one case.</summary>
    /// <param name="case">The case.</param>
    /// <param name="options">The rules; null for the defaults.</param>
    /// <exception cref="ArgumentException">The maps differ in size, an uncertainty is NaN, or the options mean nothing.</exception>
    public static CaseEvaluation Evaluate(EvaluationCase @case, EvaluationOptions? options = null)
    {
        options ??= new();
        options.Validate();
        @case.Validate();
        var classes = options.Classes ?? Present(@case);
        var voxels = EvaluatedVoxels.Of(@case);
        var byUncertainty = @case.Uncertainty is null ? null : voxels.OrderByUncertainty();
        List<ClassEvaluation> perClass = [.. classes.Select(c => ClassEvaluation.Create(c, @case, options, voxels, byUncertainty))];
        var calibration = classes.Count > 1 ? voxels.Calibration([.. classes.Select(c => c.Label)], options.CalibrationBins) : null;
        var errors = byUncertainty is null ? null : ErrorDetection.OfErrors(byUncertainty);

        var values = new MetricValues(options.EmptyCases);
        foreach (var evaluation in perClass)
        {
            evaluation.AddTo(values, options, @case.Reference.Geometry.VoxelVolume);
        }

        ClassEvaluation.AddCalibration("all/", "", calibration, values);
        if (errors is not null)
        {
            values.Add("all/error-auroc", errors.AreaUnderRoc);
            values.Add("all/error-average-precision", errors.AveragePrecision);
        }

        return new()
        {
            Case = @case.Name,
            Options = options,
            Classes = perClass,
            Calibration = calibration,
            ErrorDetection = errors,
            Values = values.Values,
            EmptyValues = values.Empty,
        };
    }

    /// <summary>Labels above 0 of either map, rising.</summary>
    private static List<ClassDescription> Present(EvaluationCase @case)
    {
        var isPresent = new bool[256];
        foreach (var labels in new[] { @case.Reference.Labels, @case.Prediction.Labels })
        {
            foreach (var label in labels)
            {
                isPresent[label] = true;
            }
        }

        return [.. Enumerable.Range(1, 255).Where(l => isPresent[l]).Select(l => new ClassDescription((byte)l, $"label-{l}"))];
    }
}
