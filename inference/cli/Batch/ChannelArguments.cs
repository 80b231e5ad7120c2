using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Credence.Inference.Model;

namespace Credence.InferenceCli.Batch;

/// <summary>The options that say how channels are recognised.</summary>
internal sealed class ChannelArguments
{
    private readonly Option<string[]> channels = new("--channel") { Description = "CHANNEL=PATTERN: a regular expression on file names or series descriptions; once a channel. --list shows the rules without it." };
    private readonly Option<string> ignore = new("--ignore") { Description = "Regular expression of file names and series descriptions that are never a scan.", DefaultValueFactory = _ => ChannelRules.DefaultIgnore };

    public ChannelArguments()
    {
        channels.Validators.Add(result => Try(() => Patterns(result.GetValueOrDefault<string[]>() ?? []), result));
        ignore.Validators.Add(result => Try(() => ChannelRules.New(result.GetValueOrDefault<string>() ?? ""), result));
    }

    public void AddTo(Command command)
    {
        command.Options.Add(channels);
        command.Options.Add(ignore);
    }

    /// <summary>Patterns by channel, and the pattern of what is left out.</summary>
    public ChannelPatterns Read(ParseResult parse) => new(Patterns(parse.GetValue(channels) ?? []), parse.GetRequiredValue(ignore));

    private static Dictionary<string, string> Patterns(IEnumerable<string> given)
    {
        var patterns = new Dictionary<string, string>();
        foreach (var text in given)
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            if (at < 1 || !patterns.TryAdd(text[..at], text[(at + 1)..]))
            {
                throw new ArgumentException(at < 1 ? $"\"{text}\" is not CHANNEL=PATTERN" : $"channel {text[..at]} is there twice");
            }

            ChannelRules.New(text[(at + 1)..]);
        }

        return patterns;
    }

    private static void Try(Action parse, OptionResult result)
    {
        try
        {
            parse();
        }
        catch (ArgumentException e)
        {
            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{result.Option.Name}: {e.Message.TrimEnd('.')}."));
        }
    }
}

/// <summary>What the command line says about channels.</summary>
/// <param name="ByChannel">Patterns by name of the channel.</param>
/// <param name="Ignore">Pattern of what is never a scan.</param>
internal sealed record ChannelPatterns(IReadOnlyDictionary<string, string> ByChannel, string Ignore)
{
    /// <summary>The rules of a model.</summary>
    /// <param name="channels">Of its manifest.</param>
    /// <param name="problem">A channel that the model does not have; null where there is none.</param>
    public ChannelRules For(IReadOnlyList<ChannelDescription> channels, out string? problem)
    {
        problem = ByChannel.Keys.FirstOrDefault(name => channels.All(c => c.Name != name)) is { } unknown
            ? $"--channel {unknown}: the model has no such channel, but {string.Join(", ", channels.Select(c => c.Name))}."
            : null;
        return new(channels, ByChannel, Ignore);
    }
}
