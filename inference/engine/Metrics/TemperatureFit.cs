namespace Credence.Inference.Metrics;

/// <summary>Result of temperature scaling.</summary>
/// <param name="Temperature">T: logits divided by it give the smallest mean NLL.</param>
/// <param name="NegativeLogLikelihood">Mean over the voxels of the fit at T, nats.</param>
/// <param name="NegativeLogLikelihoodBefore">The same at T = 1.</param>
/// <param name="Voxels">Voxels of the fit.</param>
/// <param name="Seen">Voxels that were offered; more than <paramref name="Voxels"/> where they were subsampled.</param>
/// <param name="IsAtLimit">The NLL falls as far as the search reaches: the classes can be told apart without an error, or the logits say nothing. T means little then.</param>
internal sealed record TemperatureFit(
    double Temperature, double NegativeLogLikelihood, double NegativeLogLikelihoodBefore, long Voxels, long Seen, bool IsAtLimit);
