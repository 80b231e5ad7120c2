using System.Text.Json;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli;

/// <summary>A folder with one label file a case (<c>name.nii.gz</c>), or one folder a case (<c>name/segmentation.nii.gz</c> and maps, as <c>predict</c> writes them).</summary>
internal sealed class EvaluationFolder
{
    private static readonly string[] Extensions = [".nii.gz", ".nii"];

    private readonly SortedDictionary<string, string> cases = new(StringComparer.Ordinal); // name to label file

    /// <summary>Lists the cases.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="maskFile">Name of the label file in the folder of a case.</param>
    /// <exception cref="InvalidImageFileException">There is no case, or a name is there twice.</exception>
    public EvaluationFolder(string path, string maskFile)
    {
        if (!Directory.Exists(path))
        {
            throw new InvalidImageFileException(path, "no such folder", "a folder with label files", "Check the path.");
        }

        var files = Directory.GetFiles(path).Where(NiftiFile.HasExtension).Select(f => (Name: Stem(f), File: f));
        var folders = Directory.GetDirectories(path).Select(d => (Name: Path.GetFileName(d), File: Path.Combine(d, maskFile))).Where(c => File.Exists(c.File));
        foreach (var (name, file) in files.Concat(folders))
        {
            if (!cases.TryAdd(name, file))
            {
                throw new InvalidImageFileException(path, $"case {name} is there twice, {cases[name]} and {file}", "one label file a case", "Move one of them away.");
            }
        }

        if (cases.Count == 0)
        {
            throw new InvalidImageFileException(path, "no label file", $"<case>.nii.gz files, or <case>/{maskFile}", "Check the path, or name the file with --mask.");
        }
    }

    /// <summary>Names, in order.</summary>
    public IReadOnlyCollection<string> Names => cases.Keys;

    /// <summary>The label file of a case; null where there is none. nnU-Net names images <c>case_0000</c> and references <c>case</c>: both meet.</summary>
    public string? Find(string name) => cases.GetValueOrDefault(name) ?? cases.GetValueOrDefault(name + "_0000");

    /// <summary>Foreground classes by the <c>report.json</c> beside the segmentations; null where there is none. One that cannot be read fails later, with its case.</summary>
    /// <exception cref="InvalidImageFileException">Two reports are of other classes.</exception>
    public IReadOnlyList<ClassDescription>? ReportedClasses()
    {
        (string Report, List<ClassDescription> Classes)? first = null;
        foreach (var report in cases.Values.Where(IsSegmentationOfFolder).Select(f => Path.Combine(Path.GetDirectoryName(f)!, "report.json")).Where(File.Exists))
        {
            List<ClassDescription> classes;
            try
            {
                classes = ReadClasses(report, all => all.Select(c => new ClassDescription(c.GetProperty("label").GetByte(), c.GetProperty("name").GetString() ?? "")).ToList());
            }
            catch (InvalidImageFileException)
            {
                continue;
            }

            first ??= (report, classes);
            if (!classes.SequenceEqual(first.Value.Classes))
            {
                throw new InvalidImageFileException(report, $"the classes {Text(classes)}", $"{Text(first.Value.Classes)}, as in {first.Value.Report}", "Evaluate the cases of each model on their own.");
            }
        }

        return first?.Classes;
    }

    /// <summary>Classes in words, such as <c>7 (lesion)</c>.</summary>
    public static string Text(IEnumerable<ClassDescription> classes) => string.Join(", ", classes.Select(c => $"{c.Label} ({c.Name})"));

    /// <summary>Probability maps beside a segmentation, by label: <c>probability.nii.gz</c> for one class, <c>probability-LABEL-NAME.nii.gz</c> for several.</summary>
    public static Dictionary<byte, Volume> Probabilities(string segmentation, IReadOnlyList<ClassDescription> classes, VolumeGeometry grid)
    {
        var probabilities = new Dictionary<byte, Volume>();
        if (!IsSegmentationOfFolder(segmentation))
        {
            return probabilities;
        }

        var folder = Path.GetDirectoryName(segmentation)!;
        foreach (var @class in classes)
        {
            var file = classes.Count == 1 && File.Exists(Path.Combine(folder, "probability.nii.gz"))
                ? Path.Combine(folder, "probability.nii.gz")
                : Directory.GetFiles(folder, $"probability-{@class.Label}-*.nii.gz").FirstOrDefault();
            if (file is not null)
            {
                probabilities.Add(@class.Label, ReadMap(file, grid, p => p is >= 0 and <= 1, "probabilities from 0 to 1"));
            }
        }

        return probabilities;
    }

    /// <summary>The uncertainty map beside a segmentation; null where there is none.</summary>
    public static Volume? Uncertainty(string segmentation, string map, VolumeGeometry grid)
    {
        var file = Path.Combine(Path.GetDirectoryName(segmentation)!, $"{map}.nii.gz");
        return IsSegmentationOfFolder(segmentation) && File.Exists(file) ? ReadMap(file, grid, float.IsFinite, "finite numbers only") : null;
    }

    /// <summary>Intervals of the volumes in the <c>report.json</c> beside a segmentation, mL by label; none without such a report.</summary>
    /// <param name="segmentation">The label file.</param>
    /// <param name="property"><c>volumeInterval</c> or <c>sampleVolumeInterval</c>.</param>
    /// <exception cref="InvalidImageFileException">The report cannot be read.</exception>
    public static Dictionary<byte, (double Low, double High)> VolumeIntervals(string segmentation, string property)
    {
        var report = Path.Combine(Path.GetDirectoryName(segmentation)!, "report.json");
        var intervals = new Dictionary<byte, (double Low, double High)>();
        return IsSegmentationOfFolder(segmentation) && File.Exists(report) ? ReadClasses(report, classes =>
        {
            foreach (var @class in classes)
            {
                if (@class.TryGetProperty(property, out var pair) && pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2)
                {
                    intervals[@class.GetProperty("label").GetByte()] = (pair[0].GetDouble(), pair[1].GetDouble());
                }
            }

            return intervals;
        }) : intervals;
    }

    /// <summary>Reads labels and checks the grid.</summary>
    public static LabelMap ReadLabels(string path, VolumeGeometry? grid = null)
    {
        var labels = NiftiFile.ReadLabels(path);
        CheckGrid(path, labels.Geometry, grid);
        return labels;
    }

    private static T ReadClasses<T>(string report, Func<IEnumerable<JsonElement>, T> read)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(report));
            return read(json.RootElement.GetProperty("classes").EnumerateArray());
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidImageFileException(report, "classes that cannot be read", "the report of credence-infer predict", "Predict the case again, or remove the report.", e);
        }
    }

    private static Volume ReadMap(string path, VolumeGeometry grid, Predicate<float> isValid, string expected)
    {
        var volume = NiftiFile.Read(path);
        CheckGrid(path, volume.Geometry, grid);
        var offset = Array.FindIndex(volume.Voxels, v => !isValid(v));
        if (offset >= 0)
        {
            var (i, j, k) = volume.Geometry.IndexOf(offset);
            throw new InvalidImageFileException(
                path, FormattableString.Invariant($"value {volume.Voxels[offset]} at voxel ({i}, {j}, {k})"), expected, "Give the map that predict wrote.");
        }

        return volume;
    }

    private static void CheckGrid(string path, VolumeGeometry found, VolumeGeometry? expected)
    {
        if (expected is not null && !found.IsSameGrid(expected))
        {
            var distance = found.Size == expected.Size ? FormattableString.Invariant($", a corner {found.CornerDistance(expected):F2} mm away") : "";
            throw new InvalidImageFileException(
                path, $"a grid of {found.Size} voxels{distance}", $"the grid of the reference, {expected.Size} voxels", "Evaluate on the grid that the reference was drawn on.");
        }
    }

    /// <summary>A flat label file has no maps: what lies beside it belongs to other cases.</summary>
    private static bool IsSegmentationOfFolder(string file) => Path.GetFileName(file) == "segmentation.nii.gz";

    private static string Stem(string path)
    {
        var name = Path.GetFileName(path);
        return name[..^(Array.Find(Extensions, e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase)) ?? Path.GetExtension(name)).Length];
    }
}
