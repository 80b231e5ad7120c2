using System.CommandLine;

namespace Credence;

/// <summary><c>--shard</c>, the same in both programs that share work.</summary>
internal sealed class ShardOption
{
    private readonly Option<string?> option;

    /// <summary>Creates the option.</summary>
    /// <param name="jobs">What is shared, in the plural.</param>
    public ShardOption(string jobs) => option = new("--shard")
    {
        Description = $"2/8: this process takes every 8th of the {jobs}, from the 2nd; 1/1: all. By default from SLURM_ARRAY_TASK_ID, or JOB_COMPLETION_INDEX with {ShardChoice.CountVariable}, where they are set; auto or auto/8 insist on them.",
    };

    /// <summary>Adds it, with its check.</summary>
    public void AddTo(Command command)
    {
        command.Add(option);
        command.Validators.Add(result =>
        {
            ShardChoice.Choose(result.GetValue(option), Environment.GetEnvironmentVariable, out var problem);
            if (problem is not null)
            {
                result.AddError(problem);
            }
        });
    }

    /// <summary>The part that a command line or the environment asks for; null where that cannot be told.</summary>
    public Shard? Of(System.CommandLine.Parsing.CommandResult result) => ShardChoice.Choose(result.GetValue(option), Environment.GetEnvironmentVariable, out _)?.Shard;

    /// <summary>Reads it, and says on the error stream which part was taken and why.</summary>
    public Shard Read(ParseResult parse)
    {
        var choice = ShardChoice.Choose(parse.GetValue(option), Environment.GetEnvironmentVariable, out _)!; // the check has passed
        if (choice.Reason is { } reason)
        {
            Console.Error.WriteLine($"shard {choice.Shard}, {reason}");
        }

        return choice.Shard;
    }
}
