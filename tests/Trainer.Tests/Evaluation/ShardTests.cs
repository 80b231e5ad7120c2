using CsCheck;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class ShardTests
{
    [Fact]
    public void Every_job_is_in_exactly_one_shard_and_shards_are_of_one_size() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 9]).Sample((jobs, count) =>
        {
            var shards = Enumerable.Range(1, count).Select(n => new Shard(n, count).Select(Enumerable.Range(0, jobs).ToList())).ToList();
            return shards.SelectMany(s => s).Order().SequenceEqual(Enumerable.Range(0, jobs)) && shards.Max(s => s.Count) - shards.Min(s => s.Count) <= 1;
        }, iter: 100, seed: "0N0XIzNsQ0O2", threads: 1);

    [Theory]
    [InlineData("2/4", "2/4")]
    [InlineData("1/1", "1/1")]
    [InlineData("0/4", null)]
    [InlineData("5/4", null)]
    [InlineData("-1/4", null)]
    [InlineData("2", null)]
    [InlineData("a/b", null)]
    public void A_shard_is_read_from_number_and_count(string text, string? expected) => Assert.Equal(expected, Shard.Parse(text)?.ToString());
}
