namespace Credence.MedicalIO;

/// <summary>Writes a file under a temporary name and renames it when it is whole, so that nobody ever sees half of it.</summary>
public static class OutputFile
{
    /// <summary>Calls <paramref name="write"/> with a stream to a temporary file beside <paramref name="path"/>, then renames it over <paramref name="path"/>.</summary>
    /// <remarks>When <paramref name="write"/> throws, the temporary file is removed and an existing file at <paramref name="path"/> is untouched.</remarks>
    public static void Write(string path, Action<Stream> write)
    {
        var unfinished = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            using (var stream = new FileStream(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch
        {
            File.Delete(unfinished);
            throw;
        }
    }

    /// <summary>Writes text as UTF-8 without a byte order mark.</summary>
    public static void WriteText(string path, string text) =>
        Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes a table as RFC 4180 says.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">Names of the columns.</param>
    /// <param name="rows">Fields; null is empty.</param>
    public static void WriteCsv(string path, IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string?>> rows) =>
        Write(path, stream =>
        {
            foreach (var row in rows.Prepend(header))
            {
                stream.Write(System.Text.Encoding.UTF8.GetBytes(string.Join(',', row.Select(Field)) + "\r\n"));
            }
        });

    private static string Field(string? text) =>
        text is null ? "" : text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
