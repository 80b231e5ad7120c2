using System.Text.Json.Serialization;

namespace Credence.Inference.Metrics;

/// <summary>What a metric is worth where nothing is there to measure: a ratio 0 / 0, or a distance between two empty masks.</summary>
/// <remarks>
/// Published tools differ here, which moves means by points: nnU-Net leaves such cases out, Shifts counts them as 1. So the policy is written beside
/// every number, and the names of the values that it decided are kept in <see cref="CaseEvaluation.EmptyValues"/>.
/// </remarks>
[JsonConverter(typeof(JsonStringEnumConverter<EmptyCasePolicy>))]
internal enum EmptyCasePolicy
{
    /// <summary>No value; means leave the case out.</summary>
    [JsonStringEnumMemberName("undefined")]
    Undefined,

    /// <summary>As good as can be: scores are 1, distances and relative volume differences 0.</summary>
    [JsonStringEnumMemberName("one")]
    One,

    /// <summary>As bad as can be: scores are 0. Distances have no finite worst and stay undefined.</summary>
    [JsonStringEnumMemberName("zero")]
    Zero,
}
