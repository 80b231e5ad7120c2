using System.Globalization;

namespace Credence.Models.Losses;

/// <summary>The arguments of one loss in a text: read by name, each once; what is left unread at the end is refused. Also writes them.</summary>
/// <param name="arguments">As they were written.</param>
/// <param name="error">Makes the error at a position: what was found, what was expected.</param>
internal sealed class LossArguments(IReadOnlyList<LossArgument> arguments, Func<int, string, string, FormatException> error)
{
    public static readonly NumberRule Positive = new(v => v > 0, "a number above 0");
    public static readonly NumberRule NotNegative = new(v => v >= 0, "a number of at least 0");
    public static readonly NumberRule AtLeastOne = new(v => v >= 1, "a number of at least 1");
    public static readonly NumberRule BetweenZeroAndOne = new(v => v is >= 0 and <= 1, "a number from 0 to 1");
    public static readonly NumberRule UpToOne = new(v => v is > 0 and <= 1, "a number above 0, up to 1");
    public static readonly NumberRule Percentage = new(v => v is > 0 and <= 100, "a number above 0, up to 100");

    private readonly List<string> known = [];

    /// <summary>A word without a value that is there or not.</summary>
    public bool Flag(string name)
    {
        var argument = Find(name);
        return argument?.Value is { } value ? throw error(argument.ValuePosition, value, $"no value: {name} is there or not") : argument is not null;
    }

    public Pooling Pooling() => Flag("batch") ? Losses.Pooling.Batch : Losses.Pooling.Sample;

    public double Number(string name, double defaultValue, NumberRule rule) => OptionalNumber(name, rule) ?? defaultValue;

    public double? OptionalNumber(string name, NumberRule rule) => Find(name) is { } argument ? Parse(argument, argument.Value ?? "", argument.ValuePosition, rule) : null;

    /// <summary>Positive numbers joined by colons, or null for a word or where the argument is missing.</summary>
    public IReadOnlyList<double>? Numbers(string name, string word)
    {
        if (Find(name) is not { } argument || word.Equals(argument.Value, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        var (numbers, at) = (new List<double>(), argument.ValuePosition);
        foreach (var part in (argument.Value ?? "").Split(':'))
        {
            numbers.Add(Parse(argument, part, at, new(Positive.IsMet, $"{word}, or numbers above 0 joined by colons")));
            at += part.Length + 1;
        }

        return numbers;
    }

    /// <summary>To be called when everything was read.</summary>
    /// <param name="loss">Name of the loss.</param>
    public void RefuseUnknown(string loss)
    {
        var seen = new HashSet<string>();
        foreach (var argument in arguments)
        {
            if (!known.Contains(argument.Name))
            {
                throw error(argument.Position, argument.Name, known.Count == 0 ? $"no argument: {loss} has none" : $"an argument of {loss}: {string.Join(", ", known)}");
            }

            if (!seen.Add(argument.Name))
            {
                throw error(argument.Position, argument.Name, "every argument once");
            }
        }
    }

    /// <summary>Writes a loss as it is read.</summary>
    /// <param name="name">Of the loss.</param>
    /// <param name="arguments">Null ones are left out.</param>
    public static string Write(string name, params string?[] arguments) =>
        arguments.Any(a => a is not null) ? $"{name}({string.Join(", ", arguments.Where(a => a is not null))})" : name;

    public static string Named(string name, double value) => $"{name}={Text(value)}";

    public static string Named(string name, IReadOnlyList<double>? values, string word) => $"{name}={(values is null ? word : string.Join(':', values.Select(Text)))}";

    public static string? Named(Pooling pooling) => pooling == Losses.Pooling.Batch ? "batch" : null;

    /// <summary>The shortest text that is read back as the same number.</summary>
    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private LossArgument? Find(string name)
    {
        known.Add(name);
        return arguments.FirstOrDefault(a => a.Name == name);
    }

    private double Parse(LossArgument argument, string text, int position, NumberRule rule) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            && double.IsFinite(value) && rule.IsMet(value)
            ? value
            : throw error(position, text, $"{argument.Name}={rule.Words}");
}
