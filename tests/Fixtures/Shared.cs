using System.Diagnostics;

namespace Credence.Tests;

/// <summary>Real scans that lie beside the repository on some machines, and programs that only some have. Tests that need one skip by name where it is absent.</summary>
internal static class Shared
{
    public const string Python = "/usr/bin/python3"; // Debian's, which sees Debian's packages

    public static string Folder(string relative)
    {
        var path = Path.Combine(Environment.GetEnvironmentVariable("CREDENCE_SHARED") ?? RepositoryRoot.File("../shared"), relative);
        Assert.SkipUnless(Directory.Exists(path), $"real scans are not here: shared/{relative}");
        return Path.GetFullPath(path);
    }

    /// <summary>Runs a program and returns its output; skips the test where the program or a Python module is missing.</summary>
    public static string Run(string package, string program, params string[] arguments)
    {
        var path = program.Contains('/', StringComparison.Ordinal) ? program : Path.Combine("/usr/bin", program);
        Assert.SkipUnless(File.Exists(path), $"{path} is not installed (Debian package {package})");
        using var process = Process.Start(new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(error.Result.Contains("ModuleNotFoundError", StringComparison.Ordinal), $"a Python module is not installed (Debian package {package})");
        return output + error.Result;
    }
}
