namespace Credence.Inference.Model;

/// <summary>Where a member of an ensemble comes from.</summary>
internal sealed record MemberProvenance
{
    /// <summary>Run folder and checkpoint, such as <c>seed-1-fold-0/best.safetensors</c>.</summary>
    public required string Run { get; init; }

    /// <summary>SHA-256 of the checkpoint.</summary>
    public required string CheckpointHash { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.TrainedBy"/>
    public required string TrainedBy { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.TrainedAt"/>
    public required string TrainedAt { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.DataHash"/>
    public required string DataHash { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.CodeHash"/>
    public required string CodeHash { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.Seed"/>
    public required ulong Seed { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.Steps"/>
    public required long Steps { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.Objective"/>
    public required string Objective { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.ExamplesPerEpoch"/>
    public required long ExamplesPerEpoch { get; init; }

    /// <inheritdoc cref="ProvenanceDescription.Metrics"/>
    public required IReadOnlyDictionary<string, double> Metrics { get; init; }

    /// <summary>Takes over what the run says of itself.</summary>
    /// <param name="run">Run folder and checkpoint.</param>
    /// <param name="checkpointHash">SHA-256 of the checkpoint.</param>
    /// <param name="provenance">Of the run.</param>
    public static MemberProvenance Of(string run, string checkpointHash, ProvenanceDescription provenance) => new()
    {
        Run = run,
        CheckpointHash = checkpointHash,
        TrainedBy = provenance.TrainedBy,
        TrainedAt = provenance.TrainedAt,
        DataHash = provenance.DataHash,
        CodeHash = provenance.CodeHash,
        Seed = provenance.Seed,
        Steps = provenance.Steps,
        Objective = provenance.Objective,
        ExamplesPerEpoch = provenance.ExamplesPerEpoch,
        Metrics = provenance.Metrics,
    };
}
