using System.Globalization;
using System.Text.RegularExpressions;
using Credence.Inference.Model;

namespace Credence.Exporter;

/// <summary>Finds the checkpoints that a command line means.</summary>
internal static partial class CheckpointFiles
{
    private static readonly string[] Names = ["best.safetensors", "last.safetensors"]; // the first that is there

    /// <summary>Finds the checkpoint of each run, in the order given.</summary>
    /// <param name="runs">Run folders, checkpoints, and folders of cross-validations, which stand for all of their networks.</param>
    /// <exception cref="ModelFileException">A folder has no checkpoint, or two of them are the same file.</exception>
    public static IReadOnlyList<string> Find(IReadOnlyList<string> runs)
    {
        var found = runs.SelectMany(Find).ToList();
        var twice = found.GroupBy(Path.GetFullPath).FirstOrDefault(g => g.Count() > 1);
        return twice is null ? found : throw new ModelFileException(twice.Key, $"a checkpoint that was given {twice.Count()} times", "each member once", "Give each run once.");
    }

    private static IReadOnlyList<string> Find(string run)
    {
        if (File.Exists(run))
        {
            return [run];
        }

        if (In(run) is { } checkpoint)
        {
            return [checkpoint];
        }

        var networks = Directory.Exists(run)
            ? Directory.GetDirectories(run).Select(folder => (Folder: folder, Name: CrossValidated().Match(Path.GetFileName(folder)))).Where(n => n.Name.Success)
                .OrderBy(n => Number(n.Name, 1)).ThenBy(n => Number(n.Name, 2)).Select(n => n.Folder).ToList()
            : [];
        return networks.Count > 0 ? [.. networks.Select(n => In(n) ?? throw Missing(n))] : throw Missing(run);
    }

    private static string? In(string folder) => Names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static ulong Number(Match name, int group) => ulong.Parse(name.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static ModelFileException Missing(string folder) =>
        new(folder, "no best.safetensors and no last.safetensors", "the folder of a run or of a cross-validation, or a checkpoint", "Train first, with `credence-train fit --out`.");

    /// <summary>A network of `credence-train cross-validate`.</summary>
    [GeneratedRegex("^seed-([0-9]{1,19})-fold-([0-9]{1,9})$")]
    private static partial Regex CrossValidated();
}
