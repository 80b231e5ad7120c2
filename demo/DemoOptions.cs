using Credence.Models;

namespace Credence.Demo;

/// <summary>How the demonstration runs.</summary>
internal sealed record DemoOptions
{
    public required string Output { get; init; }

    public Posterior Posterior { get; init; } = Posterior.MeanField;

    /// <summary>Minutes of training; everything else takes about a minute.</summary>
    public double Minutes { get; init; } = 1.75;

    public int TrainingCases { get; init; } = 24;

    public int UnseenCases { get; init; } = 6;

    public int Samples { get; init; } = 8;

    public ulong Seed { get; init; } = 1;
}
