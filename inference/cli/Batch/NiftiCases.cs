using System.Globalization;
using System.Text.RegularExpressions;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Batch;

/// <summary>Sorts NIfTI files into cases, folder by folder.</summary>
/// <remarks>
/// What is left of a file's name without the words of its channel names the case: <c>p1_flair</c> and <c>p1_t1</c> belong together.
/// Where that does not give one file a channel but the whole folder does, the folder is the case.
/// </remarks>
internal sealed partial class NiftiCases(string root, ChannelRules rules)
{
    private static readonly string[] Extensions = [".nii.gz", ".nii", ".hdr.gz", ".hdr"];
    private static readonly string[] PairExtensions = [".img", ".img.gz", ".IMG"];
    private static readonly char[] Separators = [' ', '_', '.', '-'];

    public IEnumerable<BatchCase> Find(IEnumerable<string> files) => files.Where(NiftiFile.HasExtension)
        .GroupBy(f => Path.GetDirectoryName(f)!)
        .SelectMany(folder => InFolder(folder.Key, [.. folder.Select(f => new FoundScan(f, Stem(f), WithPair(f))).Where(s => !rules.IsIgnored(s.Label))]));

    private List<BatchCase> InFolder(string folder, List<FoundScan> scans)
    {
        if (scans.Count == 0)
        {
            return [];
        }

        var named = rules.All.SelectMany((rule, channel) => scans.Select(scan => Placed.ByName(scan, rule, channel))).OfType<Placed>().ToList();
        if (named.DistinctBy(p => p.Channel).Count() == rules.All.Count)
        {
            var groups = Groups(folder, named);
            return groups.All(c => c.Problem is null) || Groups(folder, [.. named.Select(p => p with { Rest = "" })]) is not [{ Problem: null } whole] ? groups : [whole];
        }

        var numbered = scans.Select(scan => Placed.ByNumber(scan, rules.All.Count)).OfType<Placed>().ToList();
        return numbered.Count == scans.Count ? Groups(folder, numbered)
            : named.Count > 0 ? Groups(folder, named)
            : scans.Any(s => rules.MayBeOnlyChannel(s.Label)) ? [.. scans.Where(s => rules.MayBeOnlyChannel(s.Label)).Select(s => new BatchCase(CaseName.Of(root, folder, s.Label), Path.GetRelativePath(root, s.Path), [s]))]
            : [new(CaseName.Of(root, folder, ""), Path.GetRelativePath(root, folder), [], Selection.None(rules.All[0], scans))];
    }

    private List<BatchCase> Groups(string folder, IEnumerable<Placed> placed) => [.. placed.GroupBy(p => p.Rest, StringComparer.OrdinalIgnoreCase).Select(group =>
    {
        var selection = Selection.Of(rules, n => [.. group.Where(p => p.Channel == n).Select(p => p.Scan)], [.. group.Select(p => p.Scan).Distinct()]);
        return new BatchCase(CaseName.Of(root, folder, group.Key), $"{Path.GetRelativePath(root, folder)}/{group.Key}", selection.Scans, selection.Problem);
    })];

    /// <summary>A header has its voxels in a file beside it.</summary>
    private static List<string> WithPair(string path)
    {
        var stem = path[..^(Path.GetFileName(path).Length - Stem(path).Length)];
        return [path, .. path[stem.Length..].StartsWith(".hdr", StringComparison.OrdinalIgnoreCase) ? PairExtensions.Select(e => stem + e).Where(File.Exists) : []];
    }

    private static string Stem(string path)
    {
        var name = Path.GetFileName(path);
        return name[..^Extensions.First(e => name.EndsWith(e, StringComparison.OrdinalIgnoreCase)).Length];
    }

    [GeneratedRegex(@"^(.+)_(\d{4})$")]
    private static partial Regex NumberedChannel();

    /// <summary>A file that belongs to a channel.</summary>
    /// <param name="Scan">The file.</param>
    /// <param name="Channel">From 0.</param>
    /// <param name="Rest">What else its name says.</param>
    private sealed record Placed(FoundScan Scan, int Channel, string Rest)
    {
        public static Placed? ByName(FoundScan scan, ChannelRule rule, int channel) =>
            rule.Pattern.Match(scan.Label) is { Success: true } match
                ? new(scan, channel, string.Join('_', new[] { scan.Label[..match.Index].Trim(Separators), scan.Label[(match.Index + match.Length)..].Trim(Separators) }.Where(t => t.Length > 0)))
                : null;

        /// <summary>nnU-Net numbers channels: case_0000 is the first.</summary>
        public static Placed? ByNumber(FoundScan scan, int channels) =>
            NumberedChannel().Match(scan.Label) is { Success: true } match && int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture) is var number && number < channels
                ? new(scan, number, match.Groups[1].Value)
                : null;
    }
}
