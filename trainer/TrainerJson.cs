using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.Trainer.Datasets;

namespace Credence.Trainer;

/// <summary>JSON of the trainer's files. By reflection, so that a value missing in an older file takes its default; the trainer is never compiled ahead of time.</summary>
internal static class TrainerJson
{
    /// <summary>For files that people read and edit.</summary>
    public static JsonSerializerOptions Indented { get; } = Create(isIndented: true);

    /// <summary>One object a line.</summary>
    public static JsonSerializerOptions Lines { get; } = Create(isIndented: false);

    /// <summary>Reads a file that the trainer wrote.</summary>
    /// <param name="path">The file.</param>
    /// <param name="what">What it holds, for the error.</param>
    /// <param name="expected">Where it comes from, for the error.</param>
    /// <param name="remedy">What to do where it cannot be read.</param>
    /// <exception cref="DatasetException">It is missing or damaged, or holds a value that an earlier version allowed.</exception>
    public static T Read<T>(string path, string what, string expected, string remedy)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(path), Indented) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new DatasetException(path, $"no readable {what} ({e.Message})", expected, remedy, e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new DatasetException(path, $"{what} with a value that is not possible: {e.ParamName} = {e.ActualValue}", "what this version of credence-train can do",
                "Correct the value in the file, or start again in a new folder.", e);
        }
    }

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
