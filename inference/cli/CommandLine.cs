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

    /// <summary>Parses and runs; turns failures into one line on the error stream and an exit code.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] arguments)
    {
        var parse = root.Parse(arguments);
        if (parse.Errors.Count > 0)
        {
            foreach (ParseError error in parse.Errors)
            {
                await Console.Error.WriteLineAsync($"error: {error.Message}");
            }

            await Console.Error.WriteLineAsync($"See `{root.Name} {string.Join(' ', parse.CommandResult.Command == root ? [] : [parse.CommandResult.Command.Name + " "])}--help`.");
            return Usage;
        }

        try
        {
            return await parse.InvokeAsync(new() { EnableDefaultExceptionHandler = false });
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("error: cancelled; nothing half-written was left behind.");
            return Unexpected;
        }
        catch (ModelFileException e)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return BadModel;
        }
        catch (InputException e)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return BadInput;
        }
        catch (IOException e)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return Unexpected;
        }
        catch (UnauthorizedAccessException e)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}");
            return Unexpected;
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"error: unexpected {e}\nPlease report this with the command that caused it.");
            return Unexpected;
        }
    }
}
