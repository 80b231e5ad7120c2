using System.Text.Json.Serialization;

namespace Credence.Inference;

/// <summary>Axes of the body along which a case may be mirrored.</summary>
[Flags]
[JsonConverter(typeof(JsonStringEnumConverter<FlipAxes>))]
public enum FlipAxes
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Left becomes right.</summary>
    LeftRight = 1,

    /// <summary>Front becomes back.</summary>
    PosteriorAnterior = 2,

    /// <summary>Top becomes bottom.</summary>
    InferiorSuperior = 4,
}
