namespace Credence.Trainer.Evaluation;

/// <summary>What was measured on one case.</summary>
/// <param name="Id">The case.</param>
/// <param name="Patient">Its patient.</param>
/// <param name="Values">Metrics by name, <c>class/metric</c>; null is undefined.</param>
internal sealed record CaseResult(string Id, string Patient, IReadOnlyDictionary<string, double?> Values)
{
    /// <summary>SHA-256 over the voxels of scan and mask that were judged; null in reports that did not record it.</summary>
    public string? ContentHash { get; init; }

    /// <summary>A metric by its full name, or, by the part after the slash, its mean over the classes that have one.</summary>
    /// <param name="metric">Such as <c>lesion/dice</c> or <c>dice</c>.</param>
    /// <returns>Null where it is undefined or not measured.</returns>
    public double? Value(string metric) => Values.TryGetValue(metric, out var value)
        ? value
        : Values.Where(v => v.Key.EndsWith($"/{metric}", StringComparison.Ordinal) && !v.Key.StartsWith("all/", StringComparison.Ordinal)).Average(v => v.Value);
}
