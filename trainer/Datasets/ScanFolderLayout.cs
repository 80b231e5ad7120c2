using System.Text.Json;
using System.Text.Json.Nodes;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Trainer.Datasets;

/// <summary>One folder a case; in it each channel is a NIfTI file or a folder with one DICOM series, and the mask a NIfTI file or a DICOM segmentation.</summary>
/// <remarks>
/// <c>dataset.json</c> in the data folder names them:
/// <c>{"channels": {"FLAIR": "flair"}, "mask": "lesion.nii.gz", "labels": {"background": 0, "lesion": 1}}</c>.
/// </remarks>
internal static class ScanFolderLayout
{
    private static readonly string[] MaskWords = ["lesion", "mask", "seg", "label"];
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static Dataset Open(string folder)
    {
        var caseFolders = Directory.EnumerateDirectories(folder)
            .Where(d => !Path.GetFileName(d).StartsWith('.'))
            .Order(StringComparer.Ordinal)
            .ToList();
        if (caseFolders.Count == 0)
        {
            throw new DatasetException(folder, "no imagesTr and no case folder", "the Decathlon layout, or one folder a case",
                "See docs/how-to/train-on-your-scans.md for the two layouts.");
        }

        var path = Path.Combine(folder, Dataset.DescriptionFile);
        IReadOnlyList<string> assumptions = [];
        var json = File.Exists(path) ? DatasetJson.Read(path) : Propose(caseFolders[0], out assumptions);

        var channels = DatasetJson.Object(json, path, "channels")
            .Select(p => (Channel: new ChannelDescription(p.Key), Entry: DatasetJson.Text(p.Value, path, $"channel {p.Key}")))
            .ToList();
        var mask = DatasetJson.Text(json["mask"], path, "mask");
        var cases = caseFolders
            .Select(f => new CaseFiles(Path.GetFileName(f), [.. channels.Select(c => Path.Combine(f, c.Entry))], Path.Combine(f, mask)))
            .ToList();
        return new(folder, new DirectoryInfo(folder).Name, [.. channels.Select(c => c.Channel)], DatasetJson.Classes(json, path), cases, assumptions);
    }

    /// <summary>The <c>dataset.json</c> that describes a data set, for a user to check and keep.</summary>
    public static string Describe(Dataset dataset)
    {
        var first = dataset.Cases[0];
        string Entry(string path) => Path.GetRelativePath(Path.Combine(dataset.Folder, first.Id), path);
        return new JsonObject
        {
            ["channels"] = new JsonObject(dataset.Channels.Zip(first.ChannelPaths)
                .Select(pair => KeyValuePair.Create(pair.First.Name, (JsonNode?)Entry(pair.Second)))),
            ["mask"] = Entry(first.MaskPath),
            ["labels"] = new JsonObject(dataset.Classes.Select(c => KeyValuePair.Create(c.Name, (JsonNode?)(int)c.Label))),
        }.ToJsonString(Indented);
    }

    /// <summary>Guesses from the first case folder: what has a mask-like name is the mask, all else is a channel.</summary>
    private static JsonObject Propose(string caseFolder, out IReadOnlyList<string> assumptions)
    {
        var entries = Directory.EnumerateFileSystemEntries(caseFolder)
            .Where(e => Directory.Exists(e) || e.EndsWith(".nii", StringComparison.Ordinal) || e.EndsWith(".nii.gz", StringComparison.Ordinal) || e.EndsWith(".dcm", StringComparison.Ordinal))
            .Select(e => Path.GetFileName(e))
            .Order(StringComparer.Ordinal)
            .ToList();
        var masks = entries.Where(e => MaskWords.Any(w => e.Contains(w, StringComparison.OrdinalIgnoreCase))).ToList();
        if (masks.Count != 1 || entries.Count < 2)
        {
            throw new DatasetException(caseFolder, $"entries {string.Join(", ", entries)}, of which {masks.Count} look like a mask",
                $"one mask (a name with {string.Join(", ", MaskWords)}) and at least one channel",
                $"Write {Dataset.DescriptionFile} by hand; see docs/how-to/train-on-your-scans.md.");
        }

        var channels = entries.Where(e => e != masks[0]).Select(e => (Name: e.Split('.')[0], Entry: e)).ToList();
        assumptions =
        [
            $"no {Dataset.DescriptionFile}: channels and mask were guessed from {caseFolder}",
            .. channels.Select(c => $"channel {c.Name} is {c.Entry} in every case folder"),
            $"the mask is {masks[0]}, with 0 = background and 1 = lesion",
        ];
        return new JsonObject
        {
            ["channels"] = new JsonObject(channels.Select(c => KeyValuePair.Create(c.Name, (JsonNode?)c.Entry))),
            ["mask"] = masks[0],
            ["labels"] = new JsonObject { ["background"] = 0, ["lesion"] = 1 },
        };
    }
}
