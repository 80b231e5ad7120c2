using System.Security.Cryptography;
using System.Text;

namespace Credence.InferenceCli.Batch;

/// <summary>Names of cases: folders of the tree, never names of patients.</summary>
internal static class CaseName
{
    private const int Longest = 100;

    /// <summary>Folders below the root, and what a file's name adds, joined by underscores; a folder that the file's name repeats is left out.</summary>
    public static string Of(string root, string folder, string rest)
    {
        var folders = Path.GetRelativePath(root, folder).Split('/').Where(part => part != "." && !$"_{rest}_".Contains($"_{part}_", StringComparison.OrdinalIgnoreCase));
        var name = string.Join('_', folders.Append(rest).Where(part => part.Length > 0));
        return Safe(name.Length > 0 ? name : Path.GetFileName(Path.TrimEndingDirectorySeparator(root)));
    }

    /// <summary>The folder of a study; one that lies in the root itself is called by a hash of its UID, since others may lie beside it.</summary>
    public static string OfStudy(string root, string folder, string uid) =>
        Path.GetRelativePath(root, folder) == "." ? OfStudy(uid) : Of(root, folder, "");

    /// <summary>A study that is in no folder.</summary>
    public static string OfStudy(string uid) => $"study-{Hash(uid, digits: 32)}"; // so many that nobody finds two studies of one name

    /// <summary>Cases of one name get a hash of where they come from behind it.</summary>
    public static IReadOnlyList<BatchCase> MakeUnique(IEnumerable<BatchCase> cases) =>
    [.. cases.GroupBy(c => c.Name, StringComparer.OrdinalIgnoreCase)
        .SelectMany(same => same.Count() == 1 ? same : same.Select(c => c with { Name = $"{c.Name}-{Hash(c.Source)}" }))
        .OrderBy(c => c.Name, StringComparer.Ordinal)];

    /// <summary>One part of a path: no separator, nothing hidden, nothing that leads upwards.</summary>
    private static string Safe(string name)
    {
        var safe = string.Concat(name.Select(c => char.IsLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-')).TrimStart('.');
        return safe.Length is > 0 and <= Longest ? safe : $"{safe[..Math.Min(safe.Length, Longest)]}-{Hash(name)}";
    }

    private static string Hash(string text, int digits = 8) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..digits];
}
