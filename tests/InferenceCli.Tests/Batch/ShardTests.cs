using Credence.InferenceCli.Batch;

namespace Credence.InferenceCli.Tests.Batch;

public sealed class ShardTests
{
    [Theory]
    [InlineData("2/3", "", 1, 3)]
    [InlineData("1/1", "", 0, 1)]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_COUNT=4", 2, 4)]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=4 SLURM_ARRAY_TASK_COUNT=3", 2, 3)]
    [InlineData("auto/8", "JOB_COMPLETION_INDEX=7", 7, 8)]
    [InlineData("auto/8", "SLURM_ARRAY_TASK_ID=3", 3, 8)]
    public void A_part_is_read(string text, string environment, int index, int count) => Assert.Equal(new(index, count), Parse(text, environment, out _));

    [Theory]
    [InlineData("0/3", "")]
    [InlineData("4/3", "")]
    [InlineData("1", "")]
    [InlineData("1/2/3", "")]
    [InlineData("a/b", "")]
    [InlineData("-1/3", "")]
    [InlineData("auto", "JOB_COMPLETION_INDEX=1")]
    [InlineData("auto/4", "")]
    [InlineData("auto/4", "JOB_COMPLETION_INDEX=4")]
    public void What_is_no_part_is_refused(string text, string environment)
    {
        Assert.Null(Parse(text, environment, out var problem));
        Assert.StartsWith(text.StartsWith("auto", StringComparison.Ordinal) ? "--shard auto finds no index" : "--shard is not a part of the cases", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void All_parts_together_are_all_cases_once()
    {
        BatchCase[] cases = [.. Enumerable.Range(0, 10).Select(n => new BatchCase($"{n}", "", []))];
        Assert.Equal(cases, Enumerable.Range(0, 4).SelectMany(i => new Shard(i, 4).Of(cases)).OrderBy(c => c.Name, StringComparer.Ordinal));
        Assert.All(Enumerable.Range(0, 4), i => Assert.InRange(new Shard(i, 4).Of(cases).Count, 2, 3));
    }

    private static Shard? Parse(string text, string environment, out string? problem)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        return Shard.Parse(text, name => variables.GetValueOrDefault(name), out problem);
    }
}
