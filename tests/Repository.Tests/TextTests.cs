using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Credence.Repository.Tests;

/// <summary>What every tracked text must not hold, and what the pages must.</summary>
public sealed partial class TextTests
{
    [Fact]
    public void No_file_names_a_path_of_one_machine()
    {
        foreach (var file in TrackedTexts())
        {
            var match = MachinePath().Match(File.ReadAllText(RepositoryRoot.File(file)));
            Assert.False(match.Success, $"{file}: {match.Value}");
        }
    }

    [Fact]
    public void Links_between_pages_lead_to_files()
    {
        foreach (var page in TrackedTexts().Where(f => f.EndsWith(".md", StringComparison.Ordinal)))
        {
            foreach (Match link in Link().Matches(File.ReadAllText(RepositoryRoot.File(page))))
            {
                var target = link.Groups[1].Value.Split('#')[0];
                if (target.Length > 0 && !target.Contains("://", StringComparison.Ordinal))
                {
                    Assert.True(Path.Exists(Path.Combine(Path.GetDirectoryName(RepositoryRoot.File(page))!, target)), $"{page} links to {target}");
                }
            }
        }
    }

    [Fact]
    public void Readme_shows_the_commands_that_ci_runs()
    {
        var readme = File.ReadAllText(RepositoryRoot.File("README.md"));
        var ci = File.ReadAllText(RepositoryRoot.File(".ci/run"));
        foreach (var command in new[] { "dotnet run -c Release --project demo", "dotnet test -c Release Pipeline.sln" })
        {
            Assert.Contains(command, readme, StringComparison.Ordinal);
            Assert.Contains(command, ci, StringComparison.Ordinal);
        }
    }

    private static IReadOnlyList<string> TrackedTexts()
    {
        using var git = Process.Start(new ProcessStartInfo("git", ["ls-files"]) { WorkingDirectory = RepositoryRoot.Path, RedirectStandardOutput = true })!;
        var files = git.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (files.Length == 0)
        {
            Assert.Skip("not a git checkout");
        }

        string[] kinds = [".cs", ".md", ".json", ".csproj", ".props", ".targets", ".py", ".sh", ".c", ".h", ".proto"];
        return [.. files.Where(f => (kinds.Contains(Path.GetExtension(f)) || f == ".ci/run") && f != "tests/Repository.Tests/TextTests.cs" && File.Exists(RepositoryRoot.File(f)))];
    }

    [GeneratedRegex(@"(?<![\w.])/(work|root|home/\w+)/\S*")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();
}
