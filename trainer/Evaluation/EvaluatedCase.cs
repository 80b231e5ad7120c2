using Credence.Inference.Metrics;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>One case of an evaluation with everything that is known of it.</summary>
/// <param name="Case">Scan and reference.</param>
/// <param name="Prediction">Maps on the grid of the scan.</param>
/// <param name="Evaluation">Metrics, diagrams and curves.</param>
internal sealed record EvaluatedCase(LoadedCase Case, EnsemblePrediction Prediction, CaseEvaluation Evaluation);
