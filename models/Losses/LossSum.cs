using System.Text.Json;
using System.Text.Json.Serialization;

namespace Credence.Models.Losses;

/// <summary>The data term of the training objective: a weighted sum of losses, written as text, for example <c>0.5 dice(batch) + focal(gamma=2)</c>.</summary>
/// <remarks>The losses and their arguments are listed in docs/reference/losses.md. Every loss works from one pass. In JSON, a sum is its text.</remarks>
[JsonConverter(typeof(LossSumJsonConverter))]
public sealed record LossSum
{
    internal LossSum(IReadOnlyList<WeightedLoss> terms) => Terms = terms;

    /// <summary>Names of all losses.</summary>
    public static IReadOnlyList<string> Names => LossParser.Names;

    /// <summary>
    /// Whether the sum is the negative log-likelihood of the voxels it is given: only cross entropy alone, neither weighted nor scaled.
    /// Whether an objective is an ELBO depends on more: see <see cref="Likelihood"/>.
    /// </summary>
    public bool IsLogLikelihood => Terms is [{ Weight: 1, Loss.IsLogLikelihood: true }];

    /// <summary>The losses whose examples depend on each other at least so much, as text.</summary>
    /// <param name="coupling">How much.</param>
    public IReadOnlyList<string> Coupled(MinibatchCoupling coupling) => [.. Terms.Where(t => t.Loss.Coupling >= coupling).Select(t => $"{t.Loss}")];

    internal IReadOnlyList<WeightedLoss> Terms { get; }

    /// <summary>Reads the text form; <c>dice-cross-entropy</c> stands for <c>dice + cross-entropy</c>.</summary>
    /// <exception cref="FormatException">The text is not a sum of losses; the message says where, and what was expected.</exception>
    public static LossSum Parse(string text) => new(LossParser.Parse(text));

    /// <summary>The sum for data of known classes: weights by inverse frequency get their numbers.</summary>
    /// <param name="classFractions">Share of the voxels of each of the K classes, background first.</param>
    /// <exception cref="ArgumentException">A loss is written for another number of classes.</exception>
    public LossSum For(IReadOnlyList<double> classFractions) => new([.. Terms.Select(t => t with { Loss = t.Loss.For(classFractions) })]);

    /// <summary>Computes the loss of one minibatch, at any resolution.</summary>
    /// <param name="logits">(N, K, D, H, W), or (N, K) of a classifier.</param>
    /// <param name="target">(N, D, H, W), or (N): int64 class indices in [0, K).</param>
    /// <param name="progress">Share of the run that is over, in [0, 1]; losses that warm up follow it.</param>
    /// <param name="part">Of which minibatch these are a part: both results are then its shares, which add up. Null where they are all of it.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    /// <exception cref="InvalidOperationException">A loss needs to know the classes of the data: call <see cref="For"/> first.</exception>
    public LossTerms Compute(Tensor logits, Tensor target, double progress, MinibatchPart? part = null)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();

        var batch = new LossBatch(logits, target, progress, part);
        Tensor? total = null;
        foreach (var (weight, loss) in Terms)
        {
            var term = loss.Compute(batch);
            term = weight == 1 ? term : term * weight;
            total = total is null ? term : total + term;
        }

        return new(total!.MoveToOuterDisposeScope(), batch.Mean(batch.CrossEntropy.detach()).MoveToOuterDisposeScope());
    }

    /// <summary>The canonical text: read back, it gives the same sum.</summary>
    public override string ToString() => string.Join(" + ", Terms);

    /// <inheritdoc/>
    public bool Equals(LossSum? other) => other is not null && Terms.SequenceEqual(other.Terms);

    /// <inheritdoc/>
    public override int GetHashCode() => ToString().GetHashCode(StringComparison.Ordinal);

    /// <summary>A sum as its text.</summary>
    internal sealed class LossSumJsonConverter : JsonConverter<LossSum>
    {
        /// <inheritdoc/>
        public override LossSum Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            try
            {
                return Parse(reader.GetString() ?? "");
            }
            catch (FormatException e)
            {
                throw new JsonException(e.Message, e);
            }
        }

        /// <inheritdoc/>
        public override void Write(Utf8JsonWriter writer, LossSum value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
