using Credence.Trainer.Training;

namespace Credence.Trainer.Reports;

/// <summary>How much better a network fits what it saw last than what it saw first, over the epochs of a run.</summary>
/// <param name="Mean">Mean of first-seen loss - last-seen loss.</param>
/// <param name="StandardError">Of the mean, as if epochs were independent; null for one epoch.</param>
/// <param name="LastSeen">Mean last-seen loss.</param>
/// <param name="Epochs">Epochs in which it was measured.</param>
internal sealed record RecencyGap(double Mean, double? StandardError, double LastSeen, int Epochs)
{
    private const int FewestEpochs = 5;
    private const double LargeShare = 0.05;

    /// <summary>When the gap is called large.</summary>
    public static readonly string Rule = FormattableString.Invariant($"over at least {FewestEpochs} epochs, a mean gap above twice its standard error and above {100 * LargeShare} % of the last-seen loss");

    /// <summary>Whether the gap is large by <see cref="Rule"/>.</summary>
    public bool IsLarge => Epochs >= FewestEpochs && Mean > 2 * StandardError && Mean > LargeShare * Math.Abs(LastSeen);

    /// <summary>Measures a run.</summary>
    /// <returns>Null where no epoch was measured.</returns>
    public static RecencyGap? Of(IReadOnlyList<EpochReport> epochs)
    {
        var measured = epochs.Where(e => e.FirstSeenLoss is not null && e.LastSeenLoss is not null).Select(e => (Gap: e.FirstSeenLoss!.Value - e.LastSeenLoss!.Value, Last: e.LastSeenLoss!.Value)).ToList();
        if (measured.Count == 0)
        {
            return null;
        }

        var mean = measured.Average(m => m.Gap);
        var variance = measured.Count > 1 ? measured.Sum(m => (m.Gap - mean) * (m.Gap - mean)) / (measured.Count - 1) : (double?)null;
        return new(mean, variance is { } v ? Math.Sqrt(v / measured.Count) : null, measured.Average(m => m.Last), measured.Count);
    }
}
