using System.Text;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Page;

/// <summary>A page whose template is part of the program; it becomes one file that needs no other.</summary>
internal static class PageTemplate
{
    /// <summary>Writes a page under a temporary name and renames it.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="template">Name of the template.</param>
    /// <param name="fill">Writes what stands in the place of <c>{{name}}</c>.</param>
    public static void Write(string path, string template, Action<string, Target> fill) => OutputFile.Write(path, stream =>
    {
        var target = new Target(stream);
        var text = Read(template);
        var at = 0;
        for (int open; (open = text.IndexOf("{{", at, StringComparison.Ordinal)) >= 0;)
        {
            var close = text.IndexOf("}}", open, StringComparison.Ordinal);
            target.Text(text[at..open]);
            fill(text[(open + 2)..close], target);
            at = close + 2;
        }

        target.Text(text[at..]);
    });

    private static string Read(string resource)
    {
        using var reader = new StreamReader(typeof(PageTemplate).Assembly.GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }

    /// <summary>Where a part of the page goes.</summary>
    /// <param name="stream">The file.</param>
    public sealed class Target(Stream stream)
    {
        /// <summary>The file.</summary>
        public Stream Stream => stream;

        /// <summary>Writes markup.</summary>
        public void Text(string text) => stream.Write(Encoding.UTF8.GetBytes(text));

        /// <summary>Writes a script or style that is part of the program.</summary>
        public void Resource(string name) => Text(Read(name));
    }
}
