namespace Credence.Trainer.Reports;

/// <summary>What to report on.</summary>
internal sealed record RunReportOptions
{
    /// <summary>Folder of the run; the page is written into it.</summary>
    public required string Run { get; init; }

    /// <summary>Folder with the data set; null takes the one that the run was started with.</summary>
    public string? Data { get; init; }

    /// <summary>The record of the test set; null takes that of the run.</summary>
    public string? TestLock { get; init; }

    /// <summary>Monte Carlo samples a case; a plain network runs once.</summary>
    public int Samples { get; init; } = 16;

    /// <summary>Seed of the samples.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary><c>cpu</c>, <c>cuda:0</c>, or <c>auto</c>.</summary>
    public string Device { get; init; } = "auto";
}
