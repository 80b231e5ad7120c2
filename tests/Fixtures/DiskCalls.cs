using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Credence.Tests;

/// <summary>What a program asks the kernel to do with files, in order, as strace sees it: what a power cut leaves depends on it. Tests that need it skip by name where it is not installed.</summary>
internal sealed partial class DiskCalls
{
    private readonly List<string> calls;

    private DiskCalls(List<string> calls) => this.calls = calls;

    /// <summary>Runs a program to its end.</summary>
    /// <param name="project">Name of the project, such as InferenceCli.</param>
    /// <param name="program">Name of the program, such as credence-infer.</param>
    /// <param name="arguments">Its command line.</param>
    public static DiskCalls Of(string project, string program, params string[] arguments)
    {
        using var folder = new TemporaryFolder();
        var log = folder.File("calls");
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "/usr/bin/strace is not installed (Debian package strace)");
        string[] trace = ["-f", "-y", "-s", "200", "--seccomp-bpf", "-e", "trace=fsync,rename,pwrite64,write", "-o", log];
        var (code, _, error) = BuiltProgram.End(Process.Start(new ProcessStartInfo("/usr/bin/strace", [.. trace, .. BuiltProgram.Command(project, program, arguments)]) { RedirectStandardOutput = true, RedirectStandardError = true })!);
        Assert.True(code == 0, error);
        return new([.. File.ReadLines(log)]);
    }

    /// <summary>Every rename of a file or folder: where it stands in the order, the old path and the new one.</summary>
    public IReadOnlyList<(int At, string From, string To)> Renames =>
        [.. calls.Select((c, n) => (At: n, Match: Rename().Match(c))).Where(c => c.Match.Success).Select(c => (c.At, c.Match.Groups[1].Value, c.Match.Groups[2].Value))];

    /// <summary>Where a file or folder was first flushed to the disk behind a place in the order; below 0 where it was not.</summary>
    public int Flushed(string path, int after = -1) => calls.FindIndex(after + 1, c => c.Contains($"<{path}>", StringComparison.Ordinal) && c.Contains(" fsync(", StringComparison.Ordinal));

    /// <summary>Where a text was first written into a file; below 0 where it was not. Quotes stand behind a backslash.</summary>
    public int Written(string path, string text) => calls.FindIndex(c => c.Contains($"<{path}>", StringComparison.Ordinal) && c.Contains(text, StringComparison.Ordinal) && c.Contains("write", StringComparison.Ordinal));

    [GeneratedRegex("""\brename\("([^"]*)", "([^"]*)"\)""")]
    private static partial Regex Rename();
}
