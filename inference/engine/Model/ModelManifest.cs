using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization;
using Credence.MedicalIO;

namespace Credence.Inference.Model;

/// <summary>The recipe that a model file carries in <c>metadata_props["credence.manifest"]</c>: everything needed to turn scans into results.</summary>
/// <remarks>Every field is present in the file: a default that a reader would have to guess is no recipe. The format is described, with its JSON schema, in docs/reference/model-file.md. The trainer fills it, the exporter completes and writes it, the engine obeys it.</remarks>
internal sealed record ModelManifest
{
    /// <summary>The version of the format that this code writes, and the newest it reads.</summary>
    public const int CurrentFormatVersion = 1;

    /// <summary>Key of the manifest in the metadata of the ONNX file.</summary>
    public const string MetadataKey = "credence.manifest";

    /// <summary>Graph input that chooses a member of an ensemble: an int64 scalar with default 0.</summary>
    public const string MemberInput = "member";

    /// <summary>Version of the format.</summary>
    [JsonRequired]
    public int FormatVersion { get; init; } = CurrentFormatVersion;

    /// <summary>Name of the model, for people.</summary>
    public required string Name { get; init; }

    /// <summary>Input channels, in the order of the network's C axis.</summary>
    public required IReadOnlyList<ChannelDescription> Channels { get; init; }

    /// <summary>Classes, in the order of the network's output; index 0 is background.</summary>
    public required IReadOnlyList<ClassDescription> Classes { get; init; }

    /// <summary>Orientation of the patches: the anatomical direction in which i, j, k grow.</summary>
    [JsonRequired]
    public string Orientation { get; init; } = "RAS";

    /// <summary>mm between voxel centres of the patches, along i, j, k.</summary>
    public required Vector3D Spacing { get; init; }

    /// <summary>How the volume is resampled to <see cref="Spacing"/>: <see cref="MedicalIO.Interpolation.Linear"/> or <see cref="MedicalIO.Interpolation.CubicSpline"/>.</summary>
    [JsonRequired]
    public Interpolation Interpolation { get; init; } = Interpolation.Linear;

    /// <summary>What the network sees of the volume: the smallest box that holds this region of any channel, with one voxel around it.</summary>
    [JsonRequired]
    public Region Crop { get; init; } = Region.Whole;

    /// <summary>How intensities are brought to a common scale, per channel and volume.</summary>
    public required NormalisationDescription Normalisation { get; init; }

    /// <summary>The part of the recipe that turns scans into input of the network.</summary>
    [JsonIgnore]
    public PreprocessingRecipe Preprocessing => new(Spacing, Interpolation, Crop, Normalisation);

    /// <summary>Size of the patches that the network was trained on, a multiple of <see cref="Stride"/>.</summary>
    public required Size3 PatchSize { get; init; }

    /// <summary>Every patch edge must be a multiple of this.</summary>
    public required Size3 Stride { get; init; }

    /// <summary>Share of a patch edge by which neighbouring patches overlap, in [0, 1).</summary>
    [JsonRequired]
    public double Overlap { get; init; } = 0.5;

    /// <summary>How overlapping patches are weighted: <c>gaussian</c> (sigma = edge / 8).</summary>
    [JsonRequired]
    public string Blending { get; init; } = "gaussian";

    /// <summary>What the weights are: one value, dropped channels, Gaussians, or the members of an ensemble.</summary>
    public required PosteriorKind Posterior { get; init; }

    /// <summary>Networks in the file; sample s uses member s mod this. 1 where there is no ensemble; above 1 the graph has the input <see cref="MemberInput"/>.</summary>
    [JsonRequired]
    public int Members { get; init; } = 1;

    /// <summary>Number format of the weights and of the convolutions.</summary>
    [JsonRequired]
    public WeightPrecision Precision { get; init; } = WeightPrecision.Float32;

    /// <summary>Every source of randomness of the network; the position in this list is the noise index of the generator. Empty for a plain network.</summary>
    [JsonRequired]
    public IReadOnlyList<NoiseInput> NoiseInputs { get; init; } = [];

    /// <summary>Whether samples differ: by their noise, or by the member that they run.</summary>
    [JsonIgnore]
    public bool IsSampled => NoiseInputs.Count > 0 || Members > 1;

    /// <summary>Name of the tensor between the deterministic trunk and the stochastic head; null when nothing before the first noise input can be shared. For readers: the engine finds its own cut (docs/decisions/0026).</summary>
    public string? CutTensor { get; init; }

    /// <summary>Golden numbers of the graph. Null only in a checkpoint, which has no graph yet: a model file without them is refused.</summary>
    [JsonRequired]
    public SelfTestDescription? SelfTest { get; init; }

    /// <summary>How logits become decisions; tuned on out-of-fold data only.</summary>
    [JsonRequired]
    public CalibrationDescription Calibration { get; init; } = new();

    /// <summary>What the training scans looked like.</summary>
    public required TrainingFingerprint Fingerprint { get; init; }

    /// <summary>Where the model comes from.</summary>
    public required ProvenanceDescription Provenance { get; init; }

    /// <summary>Licence of the model file.</summary>
    [JsonRequired]
    public string Licence { get; init; } = "unspecified";

    /// <summary>What the model may be used for.</summary>
    [JsonRequired]
    public string IntendedUse { get; init; } = "Research only. Not a medical device.";
}

/// <summary>One input contrast.</summary>
/// <param name="Name">Such as T1 or FLAIR.</param>
internal sealed record ChannelDescription(string Name);

/// <summary>One class of the output.</summary>
/// <param name="Label">The value written to the label map.</param>
/// <param name="Name">Such as background or lesion.</param>
public sealed record ClassDescription(byte Label, string Name);

/// <summary>What the weights of a network are.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PosteriorKind>))]
public enum PosteriorKind
{
    /// <summary>One value a weight.</summary>
    [JsonStringEnumMemberName("plain")]
    Plain,

    /// <summary>Whole channels are dropped at random, in training and in every sample.</summary>
    [JsonStringEnumMemberName("channel-dropout")]
    ChannelDropout,

    /// <summary>Every weight is an independent Gaussian.</summary>
    [JsonStringEnumMemberName("mean-field")]
    MeanField,

    /// <summary>Several networks of one recipe (Lakshminarayanan et al. 2017, arXiv:1612.01474). They may have noise inputs of their own.</summary>
    [JsonStringEnumMemberName("ensemble")]
    Ensemble,
}

/// <summary>Number format of weights and convolutions. Inputs and outputs of the graph are float32 in any case.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<WeightPrecision>))]
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "It is the name of the format.")]
public enum WeightPrecision
{
    /// <summary>Everything is float32.</summary>
    [JsonStringEnumMemberName("float32")]
    Float32,

    /// <summary>Weights are stored in float16 and cast to float32 in the graph, which computes in float32.</summary>
    [JsonStringEnumMemberName("float16-weights")]
    Float16Weights,

    /// <summary>Convolutions compute in float16; norms and the logits are float32.</summary>
    [JsonStringEnumMemberName("float16")]
    Float16,
}

/// <summary>One source of randomness: a graph input with a default that makes it vanish.</summary>
/// <param name="Name">Name of the graph input: <c>noise/&lt;layer&gt;</c> or <c>mask/&lt;layer&gt;</c>.</param>
/// <param name="Distribution">What its elements are drawn from.</param>
/// <param name="Shape">Shape of the tensor.</param>
/// <param name="DropProbability">Bernoulli: probability that an element is 0; a kept element is 1 / (1 - p). Gaussian: 0.</param>
internal sealed record NoiseInput(string Name, NoiseDistribution Distribution, IReadOnlyList<long> Shape, double DropProbability = 0)
{
    /// <summary>What every element is in the defaults of the graph.</summary>
    [JsonIgnore]
    public float Default => Distribution == NoiseDistribution.Bernoulli ? 1 : 0;

    /// <summary>Number of elements.</summary>
    [JsonIgnore]
    public int Count => checked((int)Shape.Aggregate(1L, (product, edge) => checked(product * edge)));
}

/// <summary>Distributions of a noise input.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<NoiseDistribution>))]
internal enum NoiseDistribution
{
    /// <summary>Standard normal; the default of the input is 0.</summary>
    [JsonStringEnumMemberName("gaussian")]
    Gaussian,

    /// <summary>0 with the drop probability, else 1 / (1 - p); the default of the input is 1.</summary>
    [JsonStringEnumMemberName("bernoulli")]
    Bernoulli,
}

/// <summary>How logits become decisions.</summary>
internal sealed record CalibrationDescription
{
    /// <summary>Logits are divided by this before the softmax.</summary>
    [JsonRequired]
    public double Temperature { get; init; } = 1;

    /// <summary>A voxel is foreground when the probabilities of all foreground classes together exceed this; its label is the most probable foreground class.</summary>
    [JsonRequired]
    public double Threshold { get; init; } = 0.5;

    /// <summary>Lesions with fewer voxels (26-connected, on the grid of the input) are removed from the segmentation; 1 removes none.</summary>
    [JsonRequired]
    public int MinimumLesionVoxels { get; init; } = 1;

    /// <summary>Makes the interval of volumes over the samples one that holds the true volume in 95 % of cases; null where it was not fitted.</summary>
    public VolumeIntervalCalibration? VolumeInterval { get; init; }

    /// <summary>Above which mean entropy a report warns; null where it was not fitted.</summary>
    public MeanEntropyLimit? MeanEntropyLimit { get; init; }
}

/// <summary>How much wider than the interval over the samples an interval of a volume must be; see <see cref="Sampling.VolumeInterval"/>.</summary>
internal sealed record VolumeIntervalCalibration
{
    /// <summary>Samples of the intervals that it was fitted on: fewer give narrower ones, which it does not hold for.</summary>
    public required int Samples { get; init; }

    /// <summary>A factor of at least 1 for each foreground class, in order.</summary>
    public required IReadOnlyList<double> Factors { get; init; }

    /// <inheritdoc/>
    public bool Equals(VolumeIntervalCalibration? other) => other is not null && Samples == other.Samples && Factors.SequenceEqual(other.Factors);

    /// <inheritdoc/>
    public override int GetHashCode() => Factors.Aggregate(Samples, HashCode.Combine);
}

/// <summary>What the mean entropy of a segmentation stays at or below in 95 % of cases like those of training; see <see cref="Sampling.ConformalLimit"/>.</summary>
internal sealed record MeanEntropyLimit
{
    /// <summary>Samples of the predictions that it was found on. Fewer give a smaller entropy, which it does not hold for; more a larger one, by about the mutual information over this number at most.</summary>
    public required int Samples { get; init; }

    /// <summary>A limit for each foreground class, in order, nats; null for a class that too few patients have.</summary>
    public required IReadOnlyList<double?> Limits { get; init; }

    /// <inheritdoc/>
    public bool Equals(MeanEntropyLimit? other) => other is not null && Samples == other.Samples && Limits.SequenceEqual(other.Limits);

    /// <inheritdoc/>
    public override int GetHashCode() => Limits.Aggregate(Samples, HashCode.Combine);
}

/// <summary>What the training scans looked like, to compare new scans with.</summary>
internal sealed record TrainingFingerprint
{
    /// <summary>Number of training cases.</summary>
    public required int Cases { get; init; }

    /// <summary>Smallest spacing seen along i, j, k of the canonical orientation, mm.</summary>
    public required Vector3D SpacingMinimum { get; init; }

    /// <summary>Median spacing, mm.</summary>
    public required Vector3D SpacingMedian { get; init; }

    /// <summary>Largest spacing seen, mm.</summary>
    public required Vector3D SpacingMaximum { get; init; }

    /// <summary>Median size in voxels, at the median spacing, of what the network sees of a volume.</summary>
    public required Size3 SizeMedian { get; init; }

    /// <summary>Per channel, in order.</summary>
    public required IReadOnlyList<ChannelFingerprint> Channels { get; init; }

    /// <summary>Share of each class among the voxels that the network sees (inside <see cref="ModelManifest.Crop"/>, at the spacing of the scans), in the order of the classes.</summary>
    public required IReadOnlyList<double> ClassFractions { get; init; }
}

/// <summary>Intensities of one channel, each figure the median over the training cases.</summary>
/// <param name="Percentile005">0.5th percentile of the raw intensities.</param>
/// <param name="Median">50th percentile.</param>
/// <param name="Percentile995">99.5th percentile.</param>
/// <param name="Mean">Mean.</param>
/// <param name="StandardDeviation">Standard deviation.</param>
/// <param name="NonZeroFraction">Share of voxels that are not 0.</param>
internal sealed record ChannelFingerprint(
    double Percentile005, double Median, double Percentile995, double Mean, double StandardDeviation, double NonZeroFraction)
{
    /// <summary>Largest intensity.</summary>
    [JsonRequired]
    public double Maximum { get; init; }

    /// <summary>0.5th percentile of the intensities inside the masks; 0 where no case has one.</summary>
    [JsonRequired]
    public double LabelledPercentile005 { get; init; }

    /// <summary>99.5th percentile of the intensities inside the masks; 0 where no case has one.</summary>
    [JsonRequired]
    public double LabelledPercentile995 { get; init; }

    /// <summary>What the intensities ranged over, to compare a scan with; null where it was not recorded: then they are not compared.</summary>
    [JsonRequired]
    public ChannelRanges? Ranges { get; init; }
}

/// <summary>Where a model comes from, so that its numbers can be defended.</summary>
internal sealed record ProvenanceDescription
{
    /// <summary>The program and version that trained it.</summary>
    public required string TrainedBy { get; init; }

    /// <summary>When training ended, UTC, ISO 8601.</summary>
    public required string TrainedAt { get; init; }

    /// <summary>SHA-256 over the training volumes and masks; of an ensemble whose members saw different data, over their hashes, a line each.</summary>
    public required string DataHash { get; init; }

    /// <summary>SHA-256 over the Credence assemblies of the program that trained it; empty where it was not recorded. See <see cref="ProgramHash"/>.</summary>
    [JsonRequired]
    public string CodeHash { get; init; } = "";

    /// <summary>Seed of initialisation, sampling, augmentation and weight noise; of an ensemble, of its first member.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Training steps taken, by all members of an ensemble together.</summary>
    public required long Steps { get; init; }

    /// <summary>The objective in words, with the KL factor and its unit; says "generalised Bayes", and why, where it is not the ELBO of the data set. Ends with the probability that a patch was placed at foreground.</summary>
    public required string Objective { get; init; }

    /// <summary>Examples (patches) an epoch: the N of the ELBO.</summary>
    public required long ExamplesPerEpoch { get; init; }

    /// <summary>Validation figures, by name; none of an ensemble, which was not validated as one.</summary>
    [JsonRequired]
    public IReadOnlyDictionary<string, double> Metrics { get; init; } = new Dictionary<string, double>();

    /// <summary>The training of each member of an ensemble, in the order of their positions in the file; null where there is no ensemble.</summary>
    public IReadOnlyList<MemberProvenance>? Members { get; init; }
}

/// <summary>Source-generated JSON of the manifest (no reflection, for NativeAOT).</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ModelManifest))]
internal sealed partial class ManifestJson : JsonSerializerContext;
