using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Credence.Repository.Tests;

/// <summary>Compares the project files with the table in docs/explanation/architecture.md.</summary>
public sealed partial class ProjectReferenceTests
{
    private static readonly Dictionary<string, Project> Projects = RepositoryRoot.ProjectFiles()
        .Select(Project.Read)
        .ToDictionary(p => p.Folder);

    [Fact]
    public void References_are_those_of_the_documented_table()
    {
        var documented = DocumentedRule();
        var production = Projects.Values.Where(p => !p.Folder.StartsWith("tests/", StringComparison.Ordinal) && !p.Folder.StartsWith("bench/", StringComparison.Ordinal)).ToList();

        Assert.Equal(documented.Keys.Order(), production.Select(p => p.Folder).Order());
        foreach (var project in production)
        {
            Assert.True(project.References.Order().SequenceEqual(documented[project.Folder].Order()),
                $"{project.Folder} references {string.Join(", ", project.References)}; documented are {string.Join(", ", documented[project.Folder])}.");
        }
    }

    [Fact]
    public void Nothing_under_inference_or_medical_io_reaches_libtorch()
    {
        var clinical = Projects.Keys.Where(f => f.StartsWith("inference/", StringComparison.Ordinal) || f == "medical-io").ToList();
        Assert.NotEmpty(clinical);
        foreach (var folder in clinical)
        {
            var packages = Reachable(folder).SelectMany(f => Projects[f].Packages).ToList();
            Assert.DoesNotContain(packages, p => p.Contains("torch", StringComparison.OrdinalIgnoreCase));

            // The lock file holds what was really restored, packages of packages included.
            var locked = File.ReadAllText(RepositoryRoot.File($"{folder}/packages.lock.json"));
            Assert.DoesNotContain("torch", locked, StringComparison.OrdinalIgnoreCase);
        }
    }

    [Fact]
    public void Every_project_is_in_the_solution_and_has_a_lock_file()
    {
        var solution = File.ReadAllText(RepositoryRoot.File("Pipeline.sln")).Replace('\\', '/');
        foreach (var project in Projects.Values)
        {
            Assert.Contains($"\"{project.File}\"", solution, StringComparison.Ordinal);
            Assert.True(File.Exists(RepositoryRoot.File($"{project.Folder}/packages.lock.json")), $"{project.Folder} has no packages.lock.json");
        }
    }

    [Fact]
    public void No_project_file_states_a_version()
    {
        foreach (var project in Projects.Values)
        {
            Assert.DoesNotContain(XDocument.Load(RepositoryRoot.File(project.File)).Descendants("PackageReference"), p => p.Attribute("Version") is not null);
        }
    }

    private static HashSet<string> Reachable(string folder)
    {
        HashSet<string> reached = [folder];
        Queue<string> open = new([folder]);
        while (open.TryDequeue(out var next))
        {
            foreach (var reference in Projects[next].References.Where(reached.Add))
            {
                open.Enqueue(reference);
            }
        }

        return reached;
    }

    private static Dictionary<string, List<string>> DocumentedRule() =>
        File.ReadLines(RepositoryRoot.File("docs/explanation/architecture.md"))
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Trim('|').Split('|'))
            .ToDictionary(
                cells => CodeWord().Match(cells[0]).Groups[1].Value,
                cells => CodeWord().Matches(cells[3]).Select(m => m.Groups[1].Value).ToList());

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeWord();

    private sealed record Project(string File, string Folder, IReadOnlyList<string> References, IReadOnlyList<string> Packages)
    {
        public static Project Read(string path)
        {
            var xml = XDocument.Load(path);
            var folder = Path.GetDirectoryName(path)!;
            string Relative(string full) => Path.GetRelativePath(RepositoryRoot.Path, full).Replace('\\', '/');
            return new(
                Relative(path),
                Relative(folder),
                [.. xml.Descendants("ProjectReference").Select(r => Relative(Path.GetDirectoryName(Path.GetFullPath(Path.Combine(folder, r.Attribute("Include")!.Value)))!))],
                [.. xml.Descendants("PackageReference").Select(r => r.Attribute("Include")!.Value)]);
        }
    }
}
