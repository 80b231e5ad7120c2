using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>One case to evaluate; everything lies on one grid.</summary>
internal sealed record EvaluationCase
{
    /// <summary>Name of the case.</summary>
    public required string Name { get; init; }

    /// <summary>The truth.</summary>
    public required LabelMap Reference { get; init; }

    /// <summary>What was segmented.</summary>
    public required LabelMap Prediction { get; init; }

    /// <summary>Probability of each class of the options, by its label; classes that are absent are not scored for calibration.</summary>
    public IReadOnlyDictionary<byte, Volume> Probabilities { get; init; } = new Dictionary<byte, Volume>();

    /// <summary>Calibrated interval of the volume of a class, mL, by its label; classes that are absent are not asked whether it holds the true volume.</summary>
    public IReadOnlyDictionary<byte, (double Low, double High)> VolumeIntervals { get; init; } = new Dictionary<byte, (double Low, double High)>();

    /// <summary>The same of the interval over the samples.</summary>
    public IReadOnlyDictionary<byte, (double Low, double High)> SampleVolumeIntervals { get; init; } = new Dictionary<byte, (double Low, double High)>();

    /// <summary>Higher where the prediction is less certain; null for none.</summary>
    public Volume? Uncertainty { get; init; }

    /// <summary>
    /// Region such as the brain, voxels other than 0; null for none. Normalised Dice is then given for both spaces; calibration, retention and error detection look at the region
    /// only, as Shifts does.
    /// </summary>
    public LabelMap? Region { get; init; }

    /// <exception cref="ArgumentException">A map has another size.</exception>
    internal void Validate()
    {
        var size = Reference.Geometry.Size;
        foreach (var (what, other) in Probabilities.Values.Select(p => ("probability", p.Geometry.Size))
            .Append(("prediction", Prediction.Geometry.Size))
            .Append(("uncertainty", Uncertainty?.Geometry.Size ?? size))
            .Append(("region", Region?.Geometry.Size ?? size)))
        {
            if (other != size)
            {
                throw new ArgumentException($"Case {Name}: the {what} has {other} voxels but the reference {size}.", nameof(Reference));
            }
        }
    }
}
