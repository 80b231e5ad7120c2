using System.Diagnostics;

namespace Credence.Tests;

/// <summary>Runs one of our programs as a user would, from the folder that the build put it into.</summary>
internal static class BuiltProgram
{
    /// <summary>Runs it to the end.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="arguments">Its command line.</param>
    public static (int ExitCode, string Output, string Error) Run(string project, string program, params string[] arguments) => End(Start(project, program, arguments));

    /// <summary>Runs it to the end, with variables such as a scheduler sets.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="environment">Variables, as <c>A=1 B=2</c>.</param>
    /// <param name="arguments">Its command line.</param>
    public static (int ExitCode, string Output, string Error) RunIn(string project, string program, string environment, params string[] arguments) =>
        End(StartIn(project, program, environment, arguments));

    /// <summary>Starts it with such variables, its output and errors to be read by the caller.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="environment">Variables, as <c>A=1 B=2</c>.</param>
    /// <param name="arguments">Its command line.</param>
    public static Process StartIn(string project, string program, string environment, params string[] arguments)
    {
        var information = Information(project, program, arguments);
        foreach (var variable in environment.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=', 2)))
        {
            information.Environment[variable[0]] = variable[1];
        }

        return Process.Start(information)!;
    }

    /// <summary>Waits for the end of a process that was started here.</summary>
    public static (int ExitCode, string Output, string Error) End(Process process)
    {
        using var ended = process;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>Starts it, its output and errors to be read by the caller.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="arguments">Its command line.</param>
    public static Process Start(string project, string program, params string[] arguments) => Process.Start(Information(project, program, arguments))!;

    /// <summary>The whole command line, for another program to start.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="arguments">Its command line.</param>
    public static string[] Command(string project, string program, params string[] arguments)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
        var assembly = RepositoryRoot.File($"artifacts/bin/{project}/{configuration}/{program}.dll");
        return [Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet", assembly, .. arguments];
    }

    private static ProcessStartInfo Information(string project, string program, string[] arguments)
    {
        var command = Command(project, program, arguments);
        return new(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
    }
}
