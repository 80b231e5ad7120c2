namespace Credence.Models.Architecture;

/// <summary>Where channels are dropped: behind each of these stages.</summary>
public enum DropoutPlacement
{
    /// <summary>All but the first stage of the encoder.</summary>
    AllStages,

    /// <summary>Those of the decoder; of a classifier, the lowest level.</summary>
    Decoder,
}
