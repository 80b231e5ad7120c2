using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Credence.Trainer;

/// <summary>JSON of the trainer's files. By reflection, so that a value missing in an older file takes its default; the trainer is never compiled ahead of time.</summary>
internal static class TrainerJson
{
    /// <summary>For files that people read and edit.</summary>
    public static JsonSerializerOptions Indented { get; } = Create(isIndented: true);

    /// <summary>One object a line.</summary>
    public static JsonSerializerOptions Lines { get; } = Create(isIndented: false);

    private static JsonSerializerOptions Create(bool isIndented) => new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = isIndented,
        RespectNullableAnnotations = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };
}
