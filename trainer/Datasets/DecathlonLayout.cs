using System.Text.Json;
using System.Text.Json.Nodes;
using Credence.Inference.Model;

namespace Credence.Trainer.Datasets;

/// <summary>The layout of the Medical Segmentation Decathlon (<c>imagesTr</c>, <c>labelsTr</c>, <c>dataset.json</c>), with nnU-Net's channel suffixes.</summary>
/// <remarks>Source: Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9; nnU-Net, documentation/dataset_format.md.</remarks>
internal static class DecathlonLayout
{
    public const string ImageFolder = "imagesTr";
    private const string LabelFolder = "labelsTr";
    private const string TestImageFolder = "imagesTs";
    private const string TestLabelFolder = "labelsTs";

    public static Dataset Open(string folder)
    {
        var path = Path.Combine(folder, Dataset.DescriptionFile);
        var json = DatasetJson.Read(path);
        var channels = DatasetJson.Object(json, path, "channel_names", "modality")
            .OrderBy(p => int.TryParse(p.Key, out var index) ? index : throw Malformed(path, $"channel key \"{p.Key}\"", "a channel number"))
            .Select(p => new ChannelDescription(DatasetJson.Text(p.Value, path, "channel name")))
            .ToList();
        var classes = DatasetJson.Classes(json, path);
        var suffix = json["file_ending"] is { } ending ? DatasetJson.Text(ending, path, "file_ending") : ".nii.gz";

        var labels = Path.Combine(folder, LabelFolder);
        if (!Directory.Exists(labels))
        {
            throw new DatasetException(labels, "no such folder", "the reference masks of the training cases", "Add it beside imagesTr.");
        }

        IReadOnlyList<CaseFiles> Cases(string images, string masks) =>
            // macOS archives leave "._name" files beside the real ones.
            [.. Directory.EnumerateFiles(masks)
                .Select(Path.GetFileName)
                .OfType<string>()
                .Where(name => name.EndsWith(suffix, StringComparison.Ordinal) && !name.StartsWith('.'))
                .Order(StringComparer.Ordinal)
                .Select(name => Case(Path.Combine(folder, images), Path.Combine(masks, name), suffix, channels.Count))];
        var testLabels = Path.Combine(folder, TestLabelFolder);
        return new(folder, Name(json, folder, path), channels, classes, Cases(ImageFolder, labels), [])
        {
            TestCases = Directory.Exists(testLabels) ? Cases(TestImageFolder, testLabels) : [],
        };
    }

    private static CaseFiles Case(string images, string mask, string suffix, int channels)
    {
        var name = Path.GetFileName(mask);
        var id = name[..^suffix.Length];
        var single = Path.Combine(images, name);
        var paths = channels == 1 && File.Exists(single)
            ? [single]
            : Enumerable.Range(0, channels).Select(c => Path.Combine(images, $"{id}_{c:D4}{suffix}")).ToList();
        return new(id, paths, mask);
    }

    private static string Name(JsonObject json, string folder, string path) =>
        json["name"] is { } name ? DatasetJson.Text(name, path, "name") : new DirectoryInfo(folder).Name;

    private static DatasetException Malformed(string path, string found, string expected) =>
        new(path, found, expected, "See docs/how-to/train-on-your-scans.md for the format.");
}

/// <summary>Reads <c>dataset.json</c> with errors that name the key.</summary>
internal static class DatasetJson
{
    public static JsonObject Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new DatasetException(path, "no such file", "a description of channels and labels",
                "Run `credence-train plan`, which proposes one for scan folders, or copy it from the data set's source.");
        }

        try
        {
            return JsonNode.Parse(File.ReadAllText(path)) as JsonObject
                ?? throw new DatasetException(path, "JSON that is not an object", "an object with channels and labels", "Correct the file.");
        }
        catch (JsonException e)
        {
            throw new DatasetException(path, $"JSON that cannot be parsed ({e.Message})", "an object with channels and labels", "Correct the file.", e);
        }
    }

    public static JsonObject Object(JsonObject json, string path, params string[] keys) =>
        keys.Select(key => json[key]).OfType<JsonObject>().FirstOrDefault(o => o.Count > 0)
        ?? throw new DatasetException(path, $"no object \"{keys[0]}\"", $"\"{string.Join("\" or \"", keys)}\"", "Add it; see docs/how-to/train-on-your-scans.md.");

    public static string Text(JsonNode? node, string path, string what) =>
        node is JsonValue value && value.TryGetValue<string>(out var text) && text.Length > 0
            ? text
            : throw new DatasetException(path, $"{what} is {node?.ToJsonString() ?? "null"}", "a text", "Correct the file.");

    /// <summary>Accepts both <c>{"0": "background"}</c> (Decathlon) and <c>{"background": 0}</c> (nnU-Net).</summary>
    public static IReadOnlyList<ClassDescription> Classes(JsonObject json, string path)
    {
        var classes = Object(json, path, "labels").Select(pair =>
            byte.TryParse(pair.Key, out var key)
                ? new ClassDescription(key, Text(pair.Value, path, $"label {key}"))
                : pair.Value is JsonValue value && value.TryGetValue<int>(out var label) && label is >= 0 and <= 255
                    ? new ClassDescription((byte)label, pair.Key)
                    : throw new DatasetException(path, $"label \"{pair.Key}\" is {pair.Value?.ToJsonString() ?? "null"}", "a whole number from 0 to 255",
                        "Regions and ignore labels are not supported; give every class one number."))
            .OrderBy(c => c.Label)
            .ToList();
        return classes.Count >= 2 && classes[0].Label == 0 && classes.DistinctBy(c => c.Label).Count() == classes.Count
            ? classes
            : throw new DatasetException(path, $"labels {string.Join(", ", classes.Select(c => c.Label))}", "0 for background and at least one other, each once", "Correct \"labels\".");
    }
}
