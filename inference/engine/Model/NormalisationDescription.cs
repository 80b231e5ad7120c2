using System.Text.Json.Serialization;
using Credence.MedicalIO;

namespace Credence.Inference.Model;

/// <summary>How intensities are brought to a common scale, each channel for itself.</summary>
/// <param name="Kind">The rule.</param>
internal sealed record NormalisationDescription(NormalisationKind Kind)
{
    /// <summary>The voxels that percentiles, mean and standard deviation are taken over. Those outside are scaled alike, but with <see cref="Region.NonZero"/> they are 0.</summary>
    [JsonRequired]
    public Region Region { get; init; } = Region.Whole;

    /// <summary>Percentile below which values are moved to it, before a z-score; 0 moves none.</summary>
    [JsonRequired]
    public double LowerPercentile { get; init; }

    /// <summary>Percentile above which values are moved to it, before a z-score; 100 moves none.</summary>
    [JsonRequired]
    public double UpperPercentile { get; init; } = 100;

    /// <summary>Value that a window maps to -1; not looked at by a z-score.</summary>
    [JsonRequired]
    public double WindowLower { get; init; }

    /// <summary>Value that a window maps to 1; not looked at by a z-score.</summary>
    [JsonRequired]
    public double WindowUpper { get; init; }
}

/// <summary>The rules for intensities.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<NormalisationKind>))]
internal enum NormalisationKind
{
    /// <summary>Subtract the mean and divide by the standard deviation.</summary>
    [JsonStringEnumMemberName("z-score")]
    ZScore,

    /// <summary>Map a fixed range, such as a window of Hounsfield units, to -1 ... 1, and what lies beyond it to its ends.</summary>
    [JsonStringEnumMemberName("window")]
    Window,
}
