namespace Credence.Models;

/// <summary>How the weight of the KL divergence rises during a run.</summary>
public enum KlWarmUpKind
{
    /// <summary>Full weight from the first step.</summary>
    None,

    /// <summary>From 0 to 1 once (Bowman et al. 2016, arXiv:1511.06349, section 3.1).</summary>
    Linear,

    /// <summary>From 0 to 1 in every cycle, then 1 until the cycle ends (Fu et al. 2019, arXiv:1903.10145, equations 6 and 7).</summary>
    Cyclical,
}

/// <summary>A factor in [0, 1] that multiplies the KL factor of <see cref="Elbo"/>. Where it is below 1, a step minimises another objective: a run must end with steps at 1, see <see cref="EndsAtOne"/>.</summary>
public sealed record KlWarmUp
{
    /// <summary>Shape of the schedule.</summary>
    public KlWarmUpKind Kind { get; init; } = KlWarmUpKind.None;

    /// <summary>Share of the run, or of each cycle, in which the factor rises; in (0, 1).</summary>
    public double Share
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(value, nameof(Share));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(value, 1, nameof(Share));
            field = value;
        }
    } = 0.5;

    /// <summary>Number of cycles of <see cref="KlWarmUpKind.Cyclical"/>, at least 1.</summary>
    public int Cycles
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1, nameof(Cycles));
            field = value;
        }
    } = 4;

    /// <summary>The factor at a point of the run.</summary>
    /// <param name="progress">Share of the run that is over, in [0, 1].</param>
    public double At(double progress)
    {
        progress = Math.Clamp(progress, 0, 1);
        return Kind switch
        {
            KlWarmUpKind.None => 1,
            KlWarmUpKind.Linear => Math.Min(1, progress / Share),
            _ => progress < 1 ? Math.Min(1, ShareOfCycle(progress * Cycles) / Share) : 1,
        };
    }

    /// <summary>Whether the last step of a run has the full weight of the KL. Where it has not, no epoch of the run can be its best.</summary>
    /// <param name="steps">Of the whole run, at least 1. The last one begins when <c>(steps - 1) / steps</c> of it is over.</param>
    public bool EndsAtOne(long steps) => At((steps - 1.0) / steps) >= 1;

    /// <summary>Of 28.9999999999, which stands for 29 in floating point, 0.</summary>
    private static double ShareOfCycle(double cycles) => Math.Max(0, cycles - Math.Floor(cycles + 1e-9));

    /// <summary>The schedule in words; empty when there is none.</summary>
    public override string ToString() => Kind switch
    {
        KlWarmUpKind.None => "",
        KlWarmUpKind.Linear => FormattableString.Invariant($"KL warm-up over {Share:0%} of the run"),
        _ => FormattableString.Invariant($"KL warm-up in {Cycles} cycles, over {Share:0%} of each"),
    };
}
