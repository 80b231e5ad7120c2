using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Trainer.Evaluation;

/// <summary>Measures a prediction by the metrics of the inference engine.</summary>
internal static class CaseScoring
{
    /// <summary>The rules: how empty cases count, how lesions are told apart and matched, tolerances and bins.</summary>
    public static EvaluationOptions Rules(IReadOnlyList<ClassDescription> classes) => new() { Classes = [.. classes.Skip(1)] };

    /// <summary>Every metric of a case by name, as docs/reference/metrics.md lists them, with diagrams and curves.</summary>
    public static CaseEvaluation Evaluate(string id, EnsemblePrediction prediction, LabelMap reference, IReadOnlyList<ClassDescription> classes) =>
        CaseEvaluation.Evaluate(
            new()
            {
                Name = id,
                Reference = reference,
                Prediction = prediction.Segmentation,
                Probabilities = classes.Skip(1).Zip(prediction.Probabilities).ToDictionary(p => p.First.Label, p => p.Second),
                Uncertainty = prediction.PredictiveEntropy,
            },
            Rules(classes));
}
