namespace Credence.Tests;

/// <summary>The checkout that the tests were built from.</summary>
internal static class RepositoryRoot
{
    public static string Path { get; } = Find();

    public static string File(string relative) => System.IO.Path.Combine(Path, relative);

    public static IEnumerable<string> ProjectFiles() =>
        Directory.EnumerateFiles(Path, "*.csproj", SearchOption.AllDirectories)
            .Where(p => !System.IO.Path.GetRelativePath(Path, p).StartsWith("artifacts", StringComparison.Ordinal));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(System.IO.Path.Combine(folder.FullName, "Pipeline.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new DirectoryNotFoundException($"No Pipeline.sln above {AppContext.BaseDirectory}.");
    }
}
