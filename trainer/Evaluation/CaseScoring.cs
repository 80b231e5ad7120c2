using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Trainer.Evaluation;

/// <summary>Measures a prediction by the metrics of the inference engine.</summary>
internal static class CaseScoring
{
    /// <summary>Every metric of a case by name, as docs/reference/metrics.md lists them, with diagrams and curves.</summary>
    public static CaseEvaluation Evaluate(string id, EnsemblePrediction prediction, LabelMap reference, EvaluationOptions rules) =>
        CaseEvaluation.Evaluate(
            new()
            {
                Name = id,
                Reference = reference,
                Prediction = prediction.Segmentation,
                Probabilities = rules.Classes!.Zip(prediction.Probabilities).ToDictionary(p => p.First.Label, p => p.Second),
                SampleVolumeIntervals = rules.Classes!.Zip(SampledVolume.Of(prediction.SampleVolumes, reference, rules.Classes!))
                    .Where(v => v.Second.Samples > 1)
                    .ToDictionary(v => v.First.Label, v => (v.Second.Low, v.Second.High)),
                Uncertainty = prediction.PredictiveEntropy,
            },
            rules);
}
