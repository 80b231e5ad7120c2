using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Trainer.Evaluation;

/// <summary>Measures a prediction by the metrics of the inference engine.</summary>
internal static class CaseScoring
{
    /// <summary>Every metric of a case by name; null is undefined.</summary>
    public static IReadOnlyDictionary<string, double?> Score(EnsemblePrediction prediction, LabelMap reference, IReadOnlyList<ClassDescription> classes) =>
        classes.Skip(1).ToDictionary(
            c => $"{c.Name}/dice",
            c => DiceScore.Compute(prediction.Segmentation, reference, c.Label) is var dice && double.IsNaN(dice) ? (double?)null : dice);
}
