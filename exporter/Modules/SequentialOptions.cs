using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Exporter.Modules;

/// <summary>What a model file needs to know of a network that Credence did not train: see docs/reference/model-file.md.</summary>
public sealed record SequentialOptions
{
    /// <summary>The model file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Name of the model, for people.</summary>
    public required string Name { get; init; }

    /// <summary>Contrasts, in the order of the network's input channels.</summary>
    public required IReadOnlyList<string> Channels { get; init; }

    /// <summary>Classes, in the order of the network's logits; label 0, background, first.</summary>
    public required IReadOnlyList<ClassDescription> Classes { get; init; }

    /// <summary>mm between voxels, along R, A, S, that the network was trained on; scans are resampled to it.</summary>
    public required Vector3D Spacing { get; init; }

    /// <summary>Size of the patches of the sliding window, a multiple of <see cref="Stride"/>.</summary>
    public required Size3 PatchSize { get; init; }

    /// <summary>What every edge of a patch must be a multiple of: the product of the network's strides.</summary>
    public required Size3 Stride { get; init; }

    /// <summary>How each type of module is written.</summary>
    public ModuleRegistry Modules { get; init; } = ModuleRegistry.Usual();

    /// <summary>Whether each <c>Dropout3d</c> becomes a source of randomness that samples are drawn with (channel dropout); else it does nothing, as in evaluation mode.</summary>
    public bool SamplesDropout { get; init; }

    /// <summary>Number format of weights and convolutions.</summary>
    public WeightPrecision Precision { get; init; } = WeightPrecision.Float32;

    /// <summary>Between voxels: linear or cubic B-spline.</summary>
    public Interpolation Interpolation { get; init; } = Interpolation.Linear;

    /// <summary>What the network sees of a scan: the smallest box that holds this region.</summary>
    public Region Crop { get; init; } = Region.Whole;

    /// <summary>The voxels that the z-score of each channel is taken over; those outside <see cref="Region.NonZero"/> become 0.</summary>
    public Region NormalisedRegion { get; init; } = Region.Whole;

    /// <summary>Intensities, such as Hounsfield units, that are mapped to -1 and 1 instead of a z-score; null takes the z-score.</summary>
    public (double Lower, double Upper)? Window { get; init; }

    /// <summary>Smallest overlap of neighbouring patches, as a share of an edge, in [0, 1).</summary>
    public double Overlap { get; init; } = 0.5;

    /// <summary>Smallest and largest spacing of the training scans, along R, A, S, with which new scans are compared; null takes <see cref="Spacing"/> for both.</summary>
    public (Vector3D Smallest, Vector3D Largest)? TrainingSpacing { get; init; }

    /// <summary>The program that trained it, and how, for people.</summary>
    public string TrainedBy { get; init; } = "unspecified";

    /// <summary>Licence of the model file.</summary>
    public string Licence { get; init; } = "unspecified";

    /// <summary>What the model may be used for.</summary>
    public string IntendedUse { get; init; } = "Research only. Not a medical device.";

    /// <summary>A real case for the proof: one NIfTI file or DICOM folder a channel. Empty proves on random patches only.</summary>
    public IReadOnlyList<string> ProofScan { get; init; } = [];

    /// <summary>The recipe, complete but for what the graph says.</summary>
    internal ModelManifest Manifest => new()
    {
        Name = Name,
        Channels = [.. Channels.Select(c => new ChannelDescription(c))],
        Classes = Classes,
        Spacing = Spacing,
        Interpolation = Interpolation,
        Crop = Crop,
        Normalisation = Window is { } window
            ? new(NormalisationKind.Window) { WindowLower = window.Lower, WindowUpper = window.Upper }
            : new(NormalisationKind.ZScore) { Region = NormalisedRegion },
        PatchSize = PatchSize,
        Stride = Stride,
        Overlap = Overlap,
        Posterior = PosteriorKind.Plain,
        Fingerprint = new()
        {
            Cases = 0,
            SpacingMinimum = TrainingSpacing?.Smallest ?? Spacing,
            SpacingMedian = Spacing,
            SpacingMaximum = TrainingSpacing?.Largest ?? Spacing,
            SizeMedian = PatchSize,
            Channels = [.. Channels.Select(_ => new ChannelFingerprint(0, 0, 0, 0, 0, 0))], // without ranges: intensities are not compared
            ClassFractions = [.. Classes.Select(_ => 0.0)],
        },
        Provenance = new() { TrainedBy = TrainedBy, TrainedAt = "", DataHash = "", Seed = 0, Steps = 0, Objective = "unspecified", ExamplesPerEpoch = 0 },
        Licence = Licence,
        IntendedUse = IntendedUse,
    };
}
