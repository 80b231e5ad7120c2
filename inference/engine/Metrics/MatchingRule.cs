using System.Text.Json.Serialization;

namespace Credence.Inference.Metrics;

/// <summary>When a predicted and a reference lesion count as one. All three are called "lesion F1" in papers, and differ.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MatchingRule>))]
internal enum MatchingRule
{
    /// <summary>
    /// panoptica: pairs in falling order of IoU, each lesion in one pair at most, from the threshold on; TP is the number of pairs, the lesions without a pair are FP and FN.
    /// Threshold 0.5, and 26 neighbours, when nothing else is asked for.
    /// </summary>
    [JsonStringEnumMemberName("one-to-one")]
    OneToOne,

    /// <summary>
    /// Shifts 2.0, <c>lesion_f1_score</c>: TP are predicted lesions whose largest IoU with a reference lesion reaches the threshold, FP the other predicted ones,
    /// FN reference lesions whose largest IoU stays below. Not one to one. Threshold 0.25 and 6 neighbours when nothing else is asked for.
    /// </summary>
    [JsonStringEnumMemberName("shifts")]
    Shifts,

    /// <summary>
    /// MS_WML_uncs, <c>get_tp_fp_fn_lesions</c>: TP and FP as in Shifts, but FN are only the reference lesions that no predicted voxel touches.
    /// Threshold 0.25 (the source leaves it to the caller) and 18 neighbours when nothing else is asked for.
    /// </summary>
    [JsonStringEnumMemberName("ms-wml-uncs")]
    MsWmlUncs,
}
