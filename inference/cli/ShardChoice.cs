namespace Credence;

/// <summary>Which shard a process is, and what says so: an option, else the variables that Slurm and Kubernetes set.</summary>
/// <remarks>
/// Slurm numbers the tasks of an array as it was asked to, and counts them: <c>SLURM_ARRAY_TASK_ID</c>, <c>_MIN</c>, <c>_STEP</c> and <c>_COUNT</c>.
/// Kubernetes numbers the pods of an indexed Job from 0 in <c>JOB_COMPLETION_INDEX</c>, and tells nobody how many there are.
/// </remarks>
/// <param name="Shard">The part.</param>
/// <param name="Reason">Where it comes from, in words; null where nothing was asked for, so that it is everything.</param>
internal sealed record ShardChoice(Shard Shard, string? Reason)
{
    /// <summary>How many shards there are, for Kubernetes and for the part of a Slurm array that is run again.</summary>
    public const string CountVariable = "CREDENCE_SHARDS";

    private const string Task = "SLURM_ARRAY_TASK_ID";
    private const string Completion = "JOB_COMPLETION_INDEX";
    private const string Remedy = "Give --shard number/count; 1/1 is everything.";

    /// <summary>Chooses.</summary>
    /// <param name="option"><c>2/8</c>; <c>auto</c> or <c>auto/8</c> insist on the variables; null takes them where they are.</param>
    /// <param name="variable">Value of an environment variable.</param>
    /// <param name="problem">Why it cannot be told; null where it can.</param>
    /// <returns>null where it cannot be told.</returns>
    public static ShardChoice? Choose(string? option, Func<string, string?> variable, out string? problem)
    {
        problem = null;
        var isAuto = option is null or "auto" || option.StartsWith("auto/", StringComparison.Ordinal);
        if (!isAuto)
        {
            if (Shard.Parse(option!) is { } given)
            {
                var passedOver = new[] { Task, Completion }.Where(name => variable(name) is not null).ToList();
                return new(given, passedOver.Count == 0 ? "as --shard says" : $"as --shard says, whatever {string.Join(" and ", passedOver)} may be");
            }

            problem = $"--shard {option}: give number/count, such as 2/8, or auto.";
            return null;
        }

        var (source, count) = option is ['a', 'u', 't', 'o', '/', .. var written] ? ("--shard auto/" + written, written) : ($"{CountVariable}={variable(CountVariable)}", variable(CountVariable));
        if (count is not null && Shard.Digits(count) is null or 0)
        {
            problem = $"{source}: expected a whole number from 1, the number of shards.";
            return null;
        }

        var (task, completion) = (variable(Task), variable(Completion));
        if (task is null && completion is null)
        {
            problem = option is null ? null : $"--shard {option} finds neither {Task} (Slurm array) nor {Completion} (indexed Job of Kubernetes). {Remedy}";
            return option is null ? new(Shard.Whole, null) : null;
        }

        return task is null ? OfPod(completion!, Shard.Digits(count), source, out problem)
            : count is null ? OfArray(task, variable, out problem)
            : OfTask(task, Shard.Digits(count)!.Value, source, out problem);
    }

    /// <summary>The position of the task in its array.</summary>
    private static ShardChoice? OfArray(string task, Func<string, string?> variable, out string? problem)
    {
        var (id, first, count, step) = (
            Shard.Digits(task), Shard.Digits(variable("SLURM_ARRAY_TASK_MIN")), Shard.Digits(variable("SLURM_ARRAY_TASK_COUNT")), Shard.Digits(variable("SLURM_ARRAY_TASK_STEP") ?? "1"));
        var found = $"{Task}={task}, SLURM_ARRAY_TASK_MIN={variable("SLURM_ARRAY_TASK_MIN")}, SLURM_ARRAY_TASK_STEP={variable("SLURM_ARRAY_TASK_STEP")}, SLURM_ARRAY_TASK_COUNT={variable("SLURM_ARRAY_TASK_COUNT")}";
        problem = id is null || first is null || count is null or 0 || step is null or 0 || id < first || (id - first) % step != 0 || (id - first) / step >= count
            ? $"{found}: no position in an array without gaps. Number the shards from 1 and set {CountVariable} to how many there are, also to run some of them again."
            : null;
        return problem is null ? new(new((id!.Value - first!.Value) / step!.Value + 1, count!.Value), $"from {found}") : null;
    }

    /// <summary>The number of the task, where it is known how many shards there are: then the array may be a part of them.</summary>
    private static ShardChoice? OfTask(string task, int count, string source, out string? problem)
    {
        problem = Shard.Digits(task) is { } number and >= 1 && number <= count ? null : $"{Task}={task} with {source}: expected a task from 1 to {count}. Number the array from 1.";
        return problem is null ? new(new(Shard.Digits(task)!.Value, count), $"from {Task}={task} and {source}") : null;
    }

    private static ShardChoice? OfPod(string completion, int? count, string source, out string? problem)
    {
        problem = count is null ? $"{Completion}={completion}, but nothing says how many shards there are. Set {CountVariable} to the completions of the Job, or give --shard auto/count. {Remedy}"
            : Shard.Digits(completion) is { } index && index < count ? null
            : $"{Completion}={completion} with {source}: expected an index from 0 to {count - 1}. Set both to the completions of the Job.";
        return problem is null ? new(new(Shard.Digits(completion)!.Value + 1, count!.Value), $"from {Completion}={completion} and {source}") : null;
    }
}
