using System.Globalization;
using System.Text.Json;

namespace Credence.InferenceCli.Pacs;

/// <summary>Attributes of the DICOM JSON model (PS3.18, annex F) by tag, such as 0020000D.</summary>
internal static class DicomJson
{
    public const string SopInstanceUid = "00080018", StudyDate = "00080020", Modality = "00080060", SeriesDescription = "0008103E", ProtocolName = "00181030",
        StudyInstanceUid = "0020000D", SeriesInstanceUid = "0020000E", SeriesNumber = "00200011", SeriesInstances = "00201209",
        FailedSopSequence = "00081198", FailureReason = "00081197";

    /// <summary>The first value as text; empty where it is absent.</summary>
    public static string Text(JsonElement item, string tag) => First(item, tag) is { } value ? value.ValueKind == JsonValueKind.String ? value.GetString()!.Trim() : value.ToString() : "";

    /// <summary>The first value as a whole number; null where it is absent or none.</summary>
    public static int? Integer(JsonElement item, string tag) => int.TryParse(Text(item, tag), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) ? number : null;

    /// <summary>The first item of a sequence; null where it is absent or empty.</summary>
    public static JsonElement? First(JsonElement item, string tag) =>
        item.ValueKind == JsonValueKind.Object && item.TryGetProperty(tag, out var attribute) && attribute.ValueKind == JsonValueKind.Object
        && attribute.TryGetProperty("Value", out var values) && values.ValueKind == JsonValueKind.Array && values.GetArrayLength() > 0 && values[0].ValueKind != JsonValueKind.Null ? values[0] : null;

    /// <summary>Whether a text is a UID: only such become part of an address.</summary>
    public static bool IsUid(string text) => text.Length is > 0 and <= 64 && text.All(c => char.IsAsciiDigit(c) || c == '.') && text.Split('.').All(component => component.Length > 0);
}
