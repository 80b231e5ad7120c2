using CsCheck;

namespace Credence.InferenceCli.Tests;

public sealed class ShardTests
{
    [Fact]
    public void Every_job_is_in_exactly_one_shard_and_shards_are_of_one_size() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 9]).Sample((jobs, count) =>
        {
            var shards = new Shard(1, count).All.Select(s => s.Select(Enumerable.Range(0, jobs).ToList())).ToList();
            return shards.Count == count && shards.SelectMany(s => s).Order().SequenceEqual(Enumerable.Range(0, jobs)) && shards.Max(s => s.Count) - shards.Min(s => s.Count) <= 1;
        }, iter: 100, seed: "0N0XIzNsQ0O2", threads: 1);

    /// <summary>Slurm's variables are those of the manual of sbatch, Kubernetes' that of an indexed Job.</summary>
    [Theory]
    [InlineData("2/3", "", "2/3", "as --shard says")]
    [InlineData("1/1", "", "1/1", "as --shard says")]
    [InlineData("2/3", "SLURM_ARRAY_TASK_ID=7 JOB_COMPLETION_INDEX=1", "2/3", "as --shard says, whatever SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX may be")]
    [InlineData(null, "", "1/1", null)]
    [InlineData(null, "CREDENCE_SHARDS=4", "1/1", null)]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_STEP=1 SLURM_ARRAY_TASK_COUNT=4", "3/4", "from SLURM_ARRAY_TASK_ID=7, SLURM_ARRAY_TASK_MIN=5, SLURM_ARRAY_TASK_STEP=1, SLURM_ARRAY_TASK_COUNT=4")]
    [InlineData("auto", "SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=4 SLURM_ARRAY_TASK_COUNT=3", "3/3", "from SLURM_ARRAY_TASK_ID=9, SLURM_ARRAY_TASK_MIN=1, SLURM_ARRAY_TASK_STEP=4, SLURM_ARRAY_TASK_COUNT=3")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_COUNT=8", "1/8", "from SLURM_ARRAY_TASK_ID=0, SLURM_ARRAY_TASK_MIN=0, SLURM_ARRAY_TASK_STEP=, SLURM_ARRAY_TASK_COUNT=8")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=5 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_COUNT=2 CREDENCE_SHARDS=8", "5/8", "from SLURM_ARRAY_TASK_ID=5 and CREDENCE_SHARDS=8")] // --array=3,5: two of eight again
    [InlineData("auto/8", "JOB_COMPLETION_INDEX=7", "8/8", "from JOB_COMPLETION_INDEX=7 and --shard auto/8")]
    [InlineData(null, "JOB_COMPLETION_INDEX=0 CREDENCE_SHARDS=2", "1/2", "from JOB_COMPLETION_INDEX=0 and CREDENCE_SHARDS=2")]
    public void A_shard_is_chosen_and_says_why(string? option, string environment, string shard, string? reason)
    {
        var choice = Choose(option, environment, out var problem);
        Assert.Equal((null, shard, reason), (problem, choice?.Shard.ToString(), choice?.Reason));
    }

    [Theory]
    [InlineData("0/3", "", "--shard 0/3: give number/count, such as 2/8, or auto.")]
    [InlineData("4/3", "", "--shard 4/3: ")]
    [InlineData("1", "", "--shard 1: ")]
    [InlineData("1/2/3", "", "--shard 1/2/3: ")]
    [InlineData("a/b", "", "--shard a/b: ")]
    [InlineData("-1/3", "", "--shard -1/3: ")]
    [InlineData("auto/x", "JOB_COMPLETION_INDEX=1", "--shard auto/x: expected a whole number from 1")]
    [InlineData(null, "JOB_COMPLETION_INDEX=1 CREDENCE_SHARDS=0", "CREDENCE_SHARDS=0: expected a whole number from 1")]
    [InlineData("auto", "", "--shard auto finds neither SLURM_ARRAY_TASK_ID (Slurm array) nor JOB_COMPLETION_INDEX")]
    [InlineData(null, "JOB_COMPLETION_INDEX=1", "JOB_COMPLETION_INDEX=1, but nothing says how many shards there are. Set CREDENCE_SHARDS to the completions of the Job")]
    [InlineData("auto/4", "JOB_COMPLETION_INDEX=4", "JOB_COMPLETION_INDEX=4 with --shard auto/4: expected an index from 0 to 3.")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_COUNT=3", "no position in an array without gaps.")] // --array=1,3,7
    [InlineData(null, "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_STEP=4 SLURM_ARRAY_TASK_COUNT=3", "no position in an array without gaps.")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=3", "no position in an array without gaps.")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_COUNT=8 CREDENCE_SHARDS=8", "SLURM_ARRAY_TASK_ID=0 with CREDENCE_SHARDS=8: expected a task from 1 to 8. Number the array from 1.")]
    public void What_cannot_be_told_is_refused(string? option, string environment, string expected)
    {
        Assert.Null(Choose(option, environment, out var problem));
        Assert.Contains(expected, problem, StringComparison.Ordinal);
    }

    private static ShardChoice? Choose(string? option, string environment, out string? problem)
    {
        var variables = environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        return ShardChoice.Choose(option, name => variables.GetValueOrDefault(name), out problem);
    }
}
