using System.CommandLine;
using System.CommandLine.Parsing;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence;

/// <summary>What the three programs share: one way to run a command, one table of exit codes, one way to report an error.</summary>
internal static class CommandLine
{
    /// <summary>Everything asked for was done.</summary>
    public const int Done = 0;

    /// <summary>A defect of the program, or of the machine.</summary>
    public const int Unexpected = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A scan, mask or dataset cannot be used.</summary>
    public const int BadInput = 3;

    /// <summary>A model or checkpoint file cannot be used.</summary>
    public const int BadModel = 4;

    /// <summary>Some cases of a batch failed; the others are done.</summary>
    public const int SomeCasesFailed = 5;

    /// <summary>A server cannot be reached or used.</summary>
    public const int BadServer = 6;

    /// <summary>Shards that are to be merged are missing.</summary>
    public const int ShardsMissing = 7;

    /// <summary>Parses and runs; turns failures into one line on the error stream and an exit code, which is that of <see cref="Interruption"/> where a signal stopped it.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] arguments)
    {
        ParseResult parse;
        try
        {
            parse = root.Parse(arguments);
        }
        catch (InvalidOperationException e)
        {
            // A validator looked at a value that is of another type than its option.
            return await UsageErrorAsync(root, root, [e.Message]);
        }

        if (parse.Errors.Count > 0)
        {
            return await UsageErrorAsync(root, parse.CommandResult.Command, parse.Errors.Select(e => e.Message));
        }

        try
        {
            using var interruption = new Interruption();
            return await parse.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, interruption.Token);
        }
        catch (Exception e)
        {
            var (code, text) = Describe(e);
            await Console.Error.WriteLineAsync(text);
            return code;
        }
    }

    /// <summary>The exit code of a failure, and what the error stream says of it.</summary>
    public static (int Code, string Text) Describe(Exception failure) => failure switch
    {
        InterruptedException => (Interruption.ExitCode, $"interrupted: {failure.Message}"),
        OperationCanceledException => (Interruption.ExitCode, "interrupted: nothing half-written was left behind; the same command goes on with what is done."),
        ModelFileException => (BadModel, $"error: {failure.Message}"),
        InputException => (BadInput, $"error: {failure.Message}"),
        IOException or UnauthorizedAccessException => (Unexpected, $"error: {failure.Message}"),
        _ => (Unexpected, $"error: unexpected {failure}\nPlease report this with the command that caused it."),
    };

    /// <summary>Refuses options that are not known, where a command takes any number of paths and would take them for one.</summary>
    public static Argument<T> WithoutUnknownOptions<T>(this Argument<T> argument)
    {
        argument.Validators.Add(result =>
        {
            foreach (var token in result.Tokens.Where(t => t.Value.StartsWith('-') && !Path.Exists(t.Value)))
            {
                result.AddError($"Unrecognized option '{token.Value}'.");
            }
        });
        return argument;
    }

    private static async Task<int> UsageErrorAsync(RootCommand root, Command command, IEnumerable<string> messages)
    {
        foreach (var message in messages)
        {
            await Console.Error.WriteLineAsync($"error: {message}");
        }

        await Console.Error.WriteLineAsync($"See `{root.Name} {(command == root ? "" : command.Name + " ")}--help`.");
        return Usage;
    }
}
