using Credence.MedicalIO;

namespace Credence.Inference.Lesions;

/// <summary>The lesions of a case, and how they vary over the samples.</summary>
/// <param name="Lesions">Largest first.</param>
/// <param name="Numbers">(V) on the grid of the scan: 0, or the number of the lesion.</param>
/// <param name="SampleCounts">Lesions in each sample: [class][sample]; those below the minimum size of the manifest are not counted.</param>
/// <param name="StructuralUncertainty">Per class 1 - mean over the samples of the IoU with the segmentation; null for fewer than two samples.</param>
public sealed record LesionTable(
    IReadOnlyList<Lesion> Lesions, int[] Numbers, IReadOnlyList<IReadOnlyList<int>> SampleCounts, IReadOnlyList<double?> StructuralUncertainty);
