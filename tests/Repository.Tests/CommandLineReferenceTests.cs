using System.Text;
using System.Text.RegularExpressions;

namespace Credence.Repository.Tests;

/// <summary>Compares docs/reference/cli.md with what the programs say of themselves.</summary>
public sealed partial class CommandLineReferenceTests
{
    private const string Rewrite = "CREDENCE_WRITE_CLI_REFERENCE";

    [Fact]
    public void The_reference_holds_the_help_of_every_command()
    {
        var help = new StringBuilder();
        foreach (var (project, program) in new[] { ("Trainer", "credence-train"), ("Exporter", "credence-export"), ("InferenceCli", "credence-infer") })
        {
            var root = Help(project, program);
            help.Append($"## {program}\n\n{root.Split('\n')[1].Trim()}\n\n");
            foreach (var command in CommandLine().Matches(root[root.IndexOf("Commands:", StringComparison.Ordinal)..]).Select(m => m.Groups[1].Value))
            {
                help.Append($"### {program} {command}\n\n```text\n{Help(project, program, command).Trim()}\n```\n\n");
            }
        }

        var path = RepositoryRoot.File("docs/reference/cli.md");
        var page = File.ReadAllText(path);
        var head = page[..page.IndexOf("## credence-train", StringComparison.Ordinal)];
        if (Environment.GetEnvironmentVariable(Rewrite) == "1")
        {
            File.WriteAllText(path, head + help.ToString().TrimEnd() + "\n");
            return;
        }

        Assert.True(help.ToString().Trim() == page[head.Length..].Trim(), $"docs/reference/cli.md is not what the programs say; {Rewrite}=1 dotnet test tests/Repository.Tests rewrites it.");
    }

    private static string Help(string project, string program, params string[] command)
    {
        var (exitCode, output, error) = BuiltProgram.Run(project, program, [.. command, "--help"]);
        Assert.True(exitCode == 0, error);
        return string.Join('\n', output.Split('\n').Select(line => line.TrimEnd()));
    }

    [GeneratedRegex(@"^  ([a-z][a-z-]*)", RegexOptions.Multiline)]
    private static partial Regex CommandLine();
}
