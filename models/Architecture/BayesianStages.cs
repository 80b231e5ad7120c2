namespace Credence.Models.Architecture;

/// <summary>Which layers of a mean-field network are distributions; each value includes those after it. The layers before it are points.</summary>
/// <remarks>What lies before the first distribution is computed once for all samples, up to <see cref="Network.Cut"/>.</remarks>
public enum BayesianStages
{
    /// <summary>Every layer.</summary>
    All,

    /// <summary>All of the decoder: up-sampling, stages, output. The skip connections leave the encoder at every level, so the cut lies behind its first stage. A classifier has no decoder: as <see cref="LastStage"/>.</summary>
    Decoder,

    /// <summary>The convolutions of the last stage at full resolution (of a classifier: of the lowest level), and the output. The cut lies right before them.</summary>
    LastStage,

    /// <summary>The last layer alone.</summary>
    OutputLayer,
}
