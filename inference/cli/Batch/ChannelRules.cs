using System.Text.RegularExpressions;
using Credence.Inference.Model;

namespace Credence.InferenceCli.Batch;

/// <summary>How the scan of a channel is recognised.</summary>
/// <param name="Channel">Name in the manifest.</param>
/// <param name="Pattern">A regular expression on the name of a NIfTI file, or on the description of a DICOM series.</param>
/// <param name="IsGiven">Whether the user gave it: then nothing else is taken.</param>
internal sealed record ChannelRule(string Channel, Regex Pattern, bool IsGiven)
{
    /// <summary>Whether a DICOM series is of this channel.</summary>
    /// <param name="modality">Such as MR.</param>
    /// <param name="label">Its description, or where that is empty its protocol.</param>
    public bool MatchesSeries(string modality, string label) => Pattern.IsMatch($"{modality} {label}");
}

/// <summary>One rule a channel of the model, and what is never a scan.</summary>
internal sealed class ChannelRules
{
    /// <summary>Names of what is no scan to segment: masks, results, localisers.</summary>
    public const string DefaultIgnore = Start + "(masks?|seg|segmentations?|labels?|lesions?|roi|probability|entropy|information|locali[sz]er|loc|scout|survey|topogram)" + End;

    private const string Start = "(?<![a-z0-9])", End = "(?![a-z0-9])";
    private const string Flair = "(flair|dark[ _-]?fluid|" + Start + "t2f" + End + ")";
    private const string Enhanced = "(" + Start + "(gd|gad[a-z]*|post|ce|km|(?<!pre[ _-]?)contrast)" + End + @"|\+c" + End + @"|c\+)";
    private const string T1 = "(" + Start + "(3d[ _-]?)?t1[wn]?" + End + "|mp2?rage)";
    private const string NoFlair = "(?!.*" + Flair + ")(?<!" + Flair + ".*)";

    /// <summary>Contrasts that go by several names; a channel of one of these names gets its pattern.</summary>
    private static readonly (string[] Names, string Pattern)[] Contrasts =
    [
        (["flair", "t2flair", "flairw", "t2f"], Flair + $"(?!.*{Start}t1)(?<!{Start}t1.*)"), // T1 FLAIR is a T1
        (["t1", "t1w", "t1n", "mprage"], $"{T1}(?!.*{Enhanced})(?<!{Enhanced}.*)"),
        (["t1ce", "t1c", "t1gd", "t1post", "t1wce"], $"({Start}t1[wn]?[ _-]?(c|ce|gd|gad|km|post){End}|{T1}((?=.*{Enhanced})|(?<={Enhanced}.*)))"),
        (["t2", "t2w"], $@"{Start}(3d[ _-]?)?t2w?{End}(?!\*)(?!.*{Start}star){NoFlair}"),
        (["pd", "pdw"], $"({Start}pdw?{End}|proton[ _-]?density)"),
    ];

    private static readonly Regex OtherContrasts = New($"{Start}(dwi|adc|swi|asl|bold|dti|perf[a-z]*|mra){End}");

    private readonly Regex ignore;

    /// <summary>Makes the rules of a model.</summary>
    /// <param name="channels">Of the manifest.</param>
    /// <param name="given">Patterns of the user, by channel.</param>
    /// <param name="ignore">Pattern of what is never a scan.</param>
    public ChannelRules(IReadOnlyList<ChannelDescription> channels, IReadOnlyDictionary<string, string> given, string ignore)
    {
        this.ignore = New(ignore);
        All = [.. channels.Select(c => given.TryGetValue(c.Name, out var pattern) ? new ChannelRule(c.Name, New(pattern), true) : new(c.Name, New(PatternOf(c.Name)), false))];
    }

    /// <summary>In the order of the channels.</summary>
    public IReadOnlyList<ChannelRule> All { get; }

    /// <summary>What is left out.</summary>
    public string Ignore => ignore.ToString();

    /// <summary>A line a rule.</summary>
    public string Describe() => string.Join('\n', All
        .Select(rule => $"rule: {rule.Channel} = {rule.Pattern}{(rule.IsGiven || All.Count > 1 ? "" : ", else the only scan of a case if it is not named after another contrast")}")
        .Append($"rule: ignore = {Ignore}"));

    /// <summary>A pattern that takes capital and small letters alike.</summary>
    /// <exception cref="ArgumentException">It is no regular expression.</exception>
    public static Regex New(string pattern) => new(pattern, RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));

    public bool IsIgnored(string text) => ignore.IsMatch(text);

    /// <summary>Whether the only scan of a case may be taken for the only channel of the model: no rule of the user speaks against it, and it is not named after another contrast.</summary>
    public bool MayBeOnlyChannel(string text) =>
        All is [{ IsGiven: false }] && !OtherContrasts.IsMatch(text) && !Contrasts.Any(c => New(c.Pattern).IsMatch(text));

    /// <summary>The pattern of a contrast that is known, else the words of the name, with anything between them.</summary>
    private static string PatternOf(string channel)
    {
        var plain = string.Concat(channel.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
        var known = Contrasts.FirstOrDefault(c => c.Names.Contains(plain)).Pattern;
        return known ?? $"{Start}{string.Join("[ _.-]*", channel.Split([' ', '_', '.', '-'], StringSplitOptions.RemoveEmptyEntries).Select(Regex.Escape))}{End}";
    }
}
