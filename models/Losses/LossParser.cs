using System.Globalization;

namespace Credence.Models.Losses;

/// <summary>Reads the text form of a sum of losses: <c>[number] name[(argument, ...)] + ...</c></summary>
/// <param name="text">The text.</param>
internal sealed class LossParser(string text)
{
    /// <summary>Every loss by its name, and how it is read from its arguments.</summary>
    private static readonly Dictionary<string, Func<LossArguments, ILoss>> Losses = new(StringComparer.OrdinalIgnoreCase)
    {
        [CrossEntropyLoss.Name] = _ => new CrossEntropyLoss(),
        [WeightedCrossEntropyLoss.Name] = WeightedCrossEntropyLoss.Read,
        [GeneralisedCrossEntropyLoss.Name] = GeneralisedCrossEntropyLoss.Read,
        [FocalLoss.Name] = FocalLoss.Read,
        [TopKLoss.Name] = TopKLoss.Read,
        [HardNegativeLoss.Name] = HardNegativeLoss.Read,
        [SoftDiceLoss.Name] = SoftDiceLoss.Read,
        [GeneralisedDiceLoss.Name] = GeneralisedDiceLoss.Read,
        [TverskyLoss.Name] = TverskyLoss.Read,
        [FocalTverskyLoss.Name] = FocalTverskyLoss.Read,
        [AccuracyUncertaintyLoss.Name] = AccuracyUncertaintyLoss.Read,
    };

    /// <summary>Names that run folders and scripts may still hold for whole sums.</summary>
    private static readonly Dictionary<string, string> Aliases = new(StringComparer.OrdinalIgnoreCase)
    {
        ["dice-cross-entropy"] = "dice + cross-entropy",
        ["DiceCrossEntropy"] = "dice + cross-entropy",
        ["CrossEntropy"] = "cross-entropy",
    };

    private int at;

    public static IReadOnlyList<string> Names { get; } = [.. Losses.Keys];

    /// <exception cref="FormatException">The text is not a sum of losses; the message says where, and what was expected.</exception>
    public static IReadOnlyList<WeightedLoss> Parse(string text) =>
        new LossParser(Aliases.TryGetValue(text.Trim(), out var whole) ? whole : text).Sum();

    private List<WeightedLoss> Sum()
    {
        var terms = new List<WeightedLoss> { Term() };
        while (!IsAtEnd)
        {
            Take('+', "+ and another loss, or the end");
            terms.Add(Term());
        }

        return terms;
    }

    private bool IsAtEnd
    {
        get
        {
            SkipSpace();
            return at == text.Length;
        }
    }

    private WeightedLoss Term()
    {
        var weight = Weight();
        SkipSpace();
        var start = at;
        var name = Word();
        if (!Losses.TryGetValue(name, out var read))
        {
            throw Error(start, Found(start), $"one of {string.Join(", ", Names)}");
        }

        var arguments = new LossArguments(Arguments(), Error);
        var loss = read(arguments);
        arguments.RefuseUnknown(name);
        return new(weight, loss);
    }

    /// <summary>The number before a loss, with an optional asterisk behind it; 1 where there is none.</summary>
    private double Weight()
    {
        SkipSpace();
        var start = at;
        TakeWhile(c => char.IsAsciiDigit(c) || c == '.');
        if (at == start)
        {
            return 1;
        }

        if (at < text.Length && text[at] is 'e' or 'E')
        {
            at++;
            at += at < text.Length && text[at] is '+' or '-' ? 1 : 0;
            TakeWhile(char.IsAsciiDigit);
        }

        var number = text[start..at];
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out var weight)
            || !double.IsFinite(weight) || weight <= 0)
        {
            throw Error(start, number, "a weight above 0");
        }

        SkipSpace();
        at += at < text.Length && text[at] == '*' ? 1 : 0;
        return weight;
    }

    private List<LossArgument> Arguments()
    {
        var arguments = new List<LossArgument>();
        SkipSpace();
        if (at == text.Length || text[at] != '(')
        {
            return arguments;
        }

        do
        {
            at++; // the bracket, or the comma
            SkipSpace();
            var start = at;
            var name = Word().ToLowerInvariant();
            if (name.Length == 0)
            {
                throw Error(start, Found(start), "the name of an argument");
            }

            SkipSpace();
            string? value = null;
            var valueStart = at;
            if (at < text.Length && text[at] == '=')
            {
                at++;
                SkipSpace();
                valueStart = at;
                TakeWhile(c => c is not (',' or ')' or '(' or '='));
                value = text[valueStart..at].TrimEnd();
            }

            arguments.Add(new(name, value, start, valueStart));
        }
        while (at < text.Length && text[at] == ',');

        Take(')', ", and another argument, or )");
        return arguments;
    }

    private void Take(char character, string expected)
    {
        SkipSpace();
        if (at == text.Length || text[at] != character)
        {
            throw Error(at, Found(at), expected);
        }

        at++;
    }

    private string Word()
    {
        var start = at;
        TakeWhile(c => char.IsAsciiLetterOrDigit(c) || c == '-');
        return text[start..at];
    }

    private void SkipSpace() => TakeWhile(char.IsWhiteSpace);

    private void TakeWhile(Func<char, bool> isTaken)
    {
        while (at < text.Length && isTaken(text[at]))
        {
            at++;
        }
    }

    /// <summary>The word or character at a position.</summary>
    private string Found(int position)
    {
        at = position;
        var word = Word();
        return word.Length > 0 || position == text.Length ? word : text[position].ToString();
    }

    private FormatException Error(int position, string found, string expected) =>
        new($"'{text}' at character {position + 1}: {(found.Length == 0 ? "nothing" : $"'{found}'")}; expected {expected}.");
}
