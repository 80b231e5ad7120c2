using System.Text.Json;
using Credence.Models.Losses;
using CsCheck;

namespace Credence.Models.Tests;

public sealed class LossParserTests
{
    private static readonly Gen<double> Number = Gen.OneOf(Gen.Double[1e-12, 1e12], Gen.Double[1, 100], Gen.OneOf(Gen.Const(1.0), Gen.Const(0.5), Gen.Const(2.0), Gen.Const(1e-7), Gen.Const(1e21)));
    private static readonly Gen<double> Share = Gen.Double[0, 1];
    private static readonly Gen<Pooling> Pool = Gen.Enum<Pooling>();

    private static readonly Gen<ILoss> Loss = Gen.OneOf<ILoss>(
        Gen.Const<ILoss>(new CrossEntropyLoss()),
        Number.Array[1, 4].Select(w => (ILoss)new WeightedCrossEntropyLoss(w)),
        Gen.Const<ILoss>(new WeightedCrossEntropyLoss(null)),
        Gen.Double[1e-3, 1].Select(v => (ILoss)new GeneralisedCrossEntropyLoss(v)),
        Gen.Select(Number, Share).Select(v => (ILoss)new FocalLoss(v.Item1, v.Item2)),
        Number.Select(v => (ILoss)new FocalLoss(v, null)),
        Gen.Double[1e-3, 100].Select(v => (ILoss)new TopKLoss(v)),
        Gen.Select(Number, Gen.Double[1, 1e6], Share).Select(v => (ILoss)new HardNegativeLoss(v.Item1, v.Item2, v.Item3)),
        Gen.Select(Pool, Gen.Enum<DiceDenominator>()).Select(v => (ILoss)new SoftDiceLoss(v.Item1, v.Item2)),
        Pool.Select(v => (ILoss)new GeneralisedDiceLoss(v)),
        Gen.Select(Number, Number, Pool).Select(v => (ILoss)new TverskyLoss(v.Item1, v.Item2, v.Item3)),
        Gen.Select(Number, Number, Pool, Number).Select(v => (ILoss)new FocalTverskyLoss(new(v.Item1, v.Item2, v.Item3), v.Item4)),
        Number.Select(v => (ILoss)new AccuracyUncertaintyLoss(v)),
        Gen.Const<ILoss>(new AccuracyUncertaintyLoss(null)));

    private static readonly Gen<LossSum> Sum =
        Gen.Select(Gen.OneOf(Gen.Const(1.0), Number), Loss).Select(v => new WeightedLoss(v.Item1, v.Item2)).Array[1, 5].Select(terms => new LossSum(terms));

    [Fact]
    public void What_is_printed_is_read_back_as_the_same_sum() => Sum.Sample(sum =>
    {
        Assert.Equal(sum, LossSum.Parse(sum.ToString()));
        Assert.Equal(sum, JsonSerializer.Deserialize<LossSum>(JsonSerializer.Serialize(sum)));
    }, iter: 2_000, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Space_and_asterisks_and_capitals_mean_nothing() => Sum.Sample(sum =>
    {
        var spaced = sum.ToString().Replace("(", " ( ", StringComparison.Ordinal).Replace(")", " ) ", StringComparison.Ordinal)
            .Replace("=", " = ", StringComparison.Ordinal).Replace(",", " ,", StringComparison.Ordinal);
        Assert.Equal(sum, LossSum.Parse($"  {spaced}\t"));
        Assert.Equal(sum, LossSum.Parse(sum.ToString().Replace(", ", ",", StringComparison.Ordinal).Replace(" + ", "+", StringComparison.Ordinal).ToUpperInvariant()));
        Assert.Equal(new LossSum([sum.Terms[0] with { Weight = 0.5 }]), LossSum.Parse($"0.5*{sum.Terms[0].Loss}"));
    }, iter: 500, seed: "0N0XIzNsQ0O2", threads: 1);

    /// <summary>Property: no damage escapes as anything but the error of the parser, and what is read is a sum that prints.</summary>
    [Fact]
    public void Any_text_is_a_sum_or_a_FormatException() =>
        Gen.Select(Sum, Gen.Int[0, 200], Gen.Char["()=,+*:.-0e \t?dicefoal"]).Sample((sum, at, character) =>
        {
            var text = sum.ToString();
            text = text.Insert(Math.Min(at, text.Length), character.ToString());
            try
            {
                var read = LossSum.Parse(text);
                Assert.Equal(read, LossSum.Parse(read.ToString()));
            }
            catch (FormatException e)
            {
                Assert.StartsWith($"'{text}' at character ", e.Message, StringComparison.Ordinal);
            }
        }, iter: 5_000, seed: "0N0XIzNsQ0O2", threads: 1);

    [Theory]
    [InlineData("dice-cross-entropy", "dice + cross-entropy")]
    [InlineData("DiceCrossEntropy", "dice + cross-entropy")]
    [InlineData("CrossEntropy", "cross-entropy")]
    [InlineData("0.5 dice(batch, squared) + focal(gamma=2)", "0.5 dice(batch, squared) + focal(gamma=2)")]
    [InlineData("dice + hard-negatives(k=3, floor=100)", "dice + hard-negatives(k=3, floor=100, warm-up=0.3)")]
    [InlineData("tversky", "tversky(alpha=0.3, beta=0.7)")]
    [InlineData("top-k+avuc", "top-k(percent=10) + avuc")]
    [InlineData("weighted-cross-entropy", "weighted-cross-entropy(weights=inverse)")]
    public void Defaults_are_written_out_and_older_names_still_work(string text, string canonical) => Assert.Equal(canonical, LossSum.Parse(text).ToString());

    [Theory]
    [InlineData("", 1, "nothing", "one of " + AllNames)]
    [InlineData("dice + fokal", 8, "'fokal'", "one of " + AllNames)]
    [InlineData("dice +", 7, "nothing", "one of " + AllNames)]
    [InlineData("dice focal", 6, "'focal'", "+ and another loss, or the end")]
    [InlineData("0 dice", 1, "'0'", "a weight above 0")]
    [InlineData("1.5.2 dice", 1, "'1.5.2'", "a weight above 0")]
    [InlineData("focal(gamma=-1)", 13, "'-1'", "gamma=a number of at least 0")]
    [InlineData("focal(gamma)", 12, "nothing", "gamma=a number of at least 0")]
    [InlineData("focal(gama=2)", 7, "'gama'", "an argument of focal: gamma, alpha")]
    [InlineData("focal(gamma=2, gamma=3)", 16, "'gamma'", "every argument once")]
    [InlineData("focal(gamma=2", 14, "nothing", ", and another argument, or )")]
    [InlineData("focal()", 7, "')'", "the name of an argument")]
    [InlineData("cross-entropy(x=1)", 15, "'x'", "no argument: cross-entropy has none")]
    [InlineData("dice(batch=1)", 12, "'1'", "no value: batch is there or not")]
    [InlineData("weighted-cross-entropy(weights=1:x)", 34, "'x'", "weights=inverse, or numbers above 0 joined by colons")]
    [InlineData("generalised-cross-entropy(q=0)", 29, "'0'", "q=a number above 0, up to 1")]
    [InlineData("top-k(percent=0)", 15, "'0'", "percent=a number above 0, up to 100")]
    [InlineData("hard-negatives(floor=0)", 22, "'0'", "floor=a number of at least 1")]
    public void Errors_say_where_what_was_found_and_what_was_expected(string text, int character, string found, string expected) =>
        Assert.Equal($"'{text}' at character {character}: {found}; expected {expected}.", Assert.Throws<FormatException>(() => LossSum.Parse(text)).Message);

    private const string AllNames =
        "cross-entropy, weighted-cross-entropy, generalised-cross-entropy, focal, top-k, hard-negatives, dice, generalised-dice, tversky, focal-tversky, avuc";
}
