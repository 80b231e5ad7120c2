using System.Text.Json.Serialization;

namespace Credence.MedicalIO;

/// <summary>Which voxels of a scan are looked at.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Region>))]
public enum Region
{
    /// <summary>All.</summary>
    [JsonStringEnumMemberName("whole")]
    Whole,

    /// <summary>Those that are not 0: the brain, where everything else was removed.</summary>
    [JsonStringEnumMemberName("non-zero")]
    NonZero,

    /// <summary>Those that are not air: see <see cref="Foreground.Body"/>.</summary>
    [JsonStringEnumMemberName("body")]
    Body,
}
