using Credence.MedicalIO;

namespace Credence.Inference.Lesions;

/// <summary>One lesion of a segmentation: voxels of a class that touch (26 neighbours). A row of <c>lesions.csv</c>, and its number in <c>lesions.nii.gz</c>.</summary>
/// <remarks>
/// In a sample the lesion is what can be reached from its own voxels through the sample's foreground of its class, and is not reached sooner from
/// another lesion: where a sample joins two lesions, each keeps its part.
/// </remarks>
public sealed record Lesion
{
    /// <summary>From 1; largest first.</summary>
    public required int Number { get; init; }

    /// <summary>Value in the segmentation.</summary>
    public required byte Label { get; init; }

    /// <summary>Name of the class.</summary>
    public required string Class { get; init; }

    /// <summary>Voxels of the segmentation.</summary>
    public required int Voxels { get; init; }

    /// <summary>mL of the segmentation.</summary>
    public required double Volume { get; init; }

    /// <summary>Mean over the samples, mL.</summary>
    public required double SampleMeanVolume { get; init; }

    /// <summary>2.5th and 97.5th percentile over the samples, mL; null for fewer than two samples.</summary>
    public required IReadOnlyList<double>? SampleVolumeInterval { get; init; }

    /// <summary>Share of the samples in which some of it is foreground; null for fewer than two samples.</summary>
    public required double? ExistenceProbability { get; init; }

    /// <summary>1 - mean over the samples of the IoU of the lesion in the sample with the lesion; null for fewer than two samples.</summary>
    /// <remarks>Source: Molchanova et al. 2025, "Structural-based uncertainty in deep learning across anatomical scales", doi:10.1016/j.compbiomed.2024.109336, section 3.2 (lesion structural uncertainty).</remarks>
    public required double? StructuralUncertainty { get; init; }

    /// <summary>Mean probability of its class over its voxels.</summary>
    public required double MeanProbability { get; init; }

    /// <summary>Largest probability of its class.</summary>
    public required double PeakProbability { get; init; }

    /// <summary>Mean predictive entropy over its voxels, nats.</summary>
    public required double MeanEntropy { get; init; }

    /// <summary>Mean mutual information over its voxels, nats; null for fewer than two samples.</summary>
    public required double? MeanMutualInformation { get; init; }

    /// <summary>Mean position of its voxels, RAS+ mm; may lie outside a bent lesion.</summary>
    public required Vector3D Centroid { get; init; }

    /// <summary>The voxel with the largest probability, RAS+ mm.</summary>
    public required Vector3D Peak { get; init; }
}
