using Credence.Models;

namespace Credence.Demo;

/// <summary>How the demonstration runs.</summary>
internal sealed record DemoOptions
{
    public required string Output { get; init; }

    /// <summary>Model file to predict with; null trains one.</summary>
    public string? Model { get; init; }

    public Posterior Posterior { get; init; } = Posterior.MeanField;

    /// <summary>Minutes of training; everything else takes about a minute.</summary>
    public double Minutes { get; init; } = 1.9;

    /// <summary>
    /// Top of the learning-rate schedule. AdamW moves a weight by at most the rate a step: in a few hundred steps the default of long runs
    /// does not reach the logits that lesions need, and the norms make the convolutions indifferent to larger steps.
    /// </summary>
    public double LearningRate { get; init; } = 3e-2;

    public int TrainingCases { get; init; } = 24;

    public int UnseenCases { get; init; } = 6;

    public int Samples { get; init; } = 8;

    public ulong Seed { get; init; } = 1;
}
