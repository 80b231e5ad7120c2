using System.Diagnostics;

namespace Credence.Tests;

/// <summary>Runs one of our programs as a user would, from the folder that the build put it into.</summary>
internal static class BuiltProgram
{
    /// <summary>Runs it to the end.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="arguments">Its command line.</param>
    public static (int ExitCode, string Output, string Error) Run(string project, string program, params string[] arguments)
    {
        using var process = Start(project, program, arguments);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>Starts it, its output and errors to be read by the caller.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="arguments">Its command line.</param>
    public static Process Start(string project, string program, params string[] arguments)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
        var assembly = RepositoryRoot.File($"artifacts/bin/{project}/{configuration}/{program}.dll");
        return Process.Start(new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet", [assembly, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
