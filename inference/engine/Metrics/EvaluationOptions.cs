using Credence.Inference.Model;

namespace Credence.Inference.Metrics;

/// <summary>What is measured, and by which rules.</summary>
internal sealed record EvaluationOptions
{
    /// <summary>
    /// Foreground classes, named as their values are to be. Null takes every label above 0 that the reference or the prediction holds, named <c>label-1</c> and so on;
    /// give them when cases are to be compared, because a case may lack a class.
    /// </summary>
    public IReadOnlyList<ClassDescription>? Classes { get; init; }

    /// <summary>What a ratio 0 / 0 is worth.</summary>
    public EmptyCasePolicy EmptyCases { get; init; } = EmptyCasePolicy.Undefined;

    /// <summary>How lesions are told apart and matched.</summary>
    public LesionRule Lesions { get; init; } = LesionRule.Of(MatchingRule.OneToOne);

    /// <summary>Tolerance of the normalised surface Dice, mm.</summary>
    public double SurfaceTolerance { get; init; } = 1;

    /// <summary>Borders between lesion sizes, mm³, rising; the first size begins at 0 and the last has no end.</summary>
    public IReadOnlyList<double> LesionSizes { get; init; } = [10, 100, 1000];

    /// <summary>The lesion neighbourhood are the voxels with a centre at most this far, in mm, from a voxel of reference or prediction.</summary>
    public double NeighbourhoodRadius { get; init; } = 5;

    /// <summary>Bins of the reliability diagrams.</summary>
    public int CalibrationBins { get; init; } = 15;

    /// <summary>Refuses settings that mean nothing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    /// <exception cref="ArgumentException">Lesion sizes do not rise, or a class is background or named twice.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(SurfaceTolerance);
        ArgumentOutOfRangeException.ThrowIfNegative(NeighbourhoodRadius);
        ArgumentOutOfRangeException.ThrowIfLessThan(CalibrationBins, 1);
        if (!(Lesions.Threshold > 0 && Lesions.Threshold <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(Lesions), Lesions.Threshold, "The IoU threshold of lesion matching lies in (0, 1].");
        }

        if (LesionSizes.Zip(LesionSizes.Prepend(0), (border, before) => border > before).Contains(false))
        {
            throw new ArgumentException($"Lesion sizes {string.Join(", ", LesionSizes)} do not rise from above 0.", nameof(LesionSizes));
        }

        if (Classes is not null && (Classes.Any(c => c.Label == 0) || Classes.DistinctBy(c => c.Name).Count() < Classes.Count))
        {
            throw new ArgumentException("Classes are foreground, so with a label above 0, and have one name each.", nameof(Classes));
        }
    }
}
