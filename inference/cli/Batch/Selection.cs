namespace Credence.InferenceCli.Batch;

/// <summary>The scans of the channels of a case, or why they cannot be told.</summary>
/// <param name="Scans">One a channel; empty where there is a problem.</param>
/// <param name="Problem">null where there is none.</param>
internal sealed record Selection(IReadOnlyList<FoundScan> Scans, string? Problem)
{
    /// <summary>Takes the one match of each channel. Nothing is guessed: two matches are a problem.</summary>
    /// <param name="rules">One a channel.</param>
    /// <param name="matches">The scans that match a channel.</param>
    /// <param name="all">What was there.</param>
    public static Selection Of(ChannelRules rules, Func<int, IReadOnlyList<FoundScan>> matches, IReadOnlyList<FoundScan> all)
    {
        var chosen = new List<FoundScan>();
        for (var n = 0; n < rules.All.Count; n++)
        {
            var (rule, found) = (rules.All[n], matches(n));
            if (found is not [var one])
            {
                return new([], found.Count == 0 ? None(rule, all)
                    : $"{found.Count} scans match channel {rule.Channel}: {Titles(found)}; expected one. Give a rule that only the right one matches: --channel \"{rule.Channel}=PATTERN\".");
            }

            if (chosen.IndexOf(one) is >= 0 and var other)
            {
                return new([], $"{one.Title} matches the channels {rules.All[other].Channel} and {rule.Channel}; expected one scan a channel. Give rules that tell them apart with --channel.");
            }

            chosen.Add(one);
        }

        return new(chosen, null);
    }

    /// <summary>What to say where no scan matches.</summary>
    public static string None(ChannelRule rule, IReadOnlyList<FoundScan> all) =>
        $"no scan matches channel {rule.Channel} among {Titles(all)}; expected one. Give a rule that matches it: --channel \"{rule.Channel}=PATTERN\".";

    private static string Titles(IReadOnlyList<FoundScan> scans) => string.Join(", ", scans.Take(10).Select(s => s.Title)) + (scans.Count > 10 ? $" and {scans.Count - 10} more" : "");
}
