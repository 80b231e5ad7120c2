namespace Credence.Inference.Metrics;

/// <summary>Collects named values and applies the policy for empty cases.</summary>
internal sealed class MetricValues(EmptyCasePolicy policy)
{
    private readonly Dictionary<string, double?> values = [];
    private readonly HashSet<string> empty = [];

    /// <summary>Null where undefined.</summary>
    public IReadOnlyDictionary<string, double?> Values => values;

    /// <summary>Names whose value the policy decided.</summary>
    public IReadOnlySet<string> Empty => empty;

    /// <summary>A value that is there, or NaN where it cannot be, whatever the policy.</summary>
    public void Add(string name, double value) => values.Add(name, double.IsFinite(value) ? value : null);

    /// <summary>A score in [0, 1], best 1; NaN is the empty case 0 / 0.</summary>
    public void AddScore(string name, double value) =>
        Add(name, value, double.IsNaN(value), policy switch { EmptyCasePolicy.One => 1, EmptyCasePolicy.Zero => 0, _ => double.NaN });

    /// <summary>A score whose denominator may be 0 although one side holds something: undefined then, and left to the policy only where both are empty.</summary>
    public void AddScore(string name, double value, bool isEmptyCase)
    {
        if (double.IsNaN(value) && !isEmptyCase)
        {
            Add(name, double.NaN);
        }
        else
        {
            AddScore(name, value);
        }
    }

    /// <summary>A value that is best at 0 and has no finite worst, such as a distance.</summary>
    public void AddError(string name, double value, bool isEmptyCase) =>
        Add(name, value, isEmptyCase, policy == EmptyCasePolicy.One ? 0 : double.NaN);

    private void Add(string name, double value, bool isEmptyCase, double emptyValue)
    {
        Add(name, isEmptyCase ? emptyValue : value);
        if (isEmptyCase)
        {
            empty.Add(name);
        }
    }
}
