using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Credence.MedicalIO;

/// <summary>Writes a file under a temporary name and renames it when it is whole, so that nobody ever sees half of it.</summary>
public static partial class OutputFile
{
    /// <summary>How the names of folders begin whose files become visible later, with others, by a rename of their own: what such a folder lists need not outlive a power cut.</summary>
    public const string UnfinishedFolder = ".unfinished";

    private const int CloseOnExec = 0x80000; // O_RDONLY | O_CLOEXEC

    // Numbers of errors of Linux, as .NET hands them on, and one of Windows.
    private const int WouldBlock = 11, NoSpace = 28, ReadOnlyDisk = 30, OverQuota = 122, SharingViolation = unchecked((int)0x80070020);

    /// <summary>Calls <paramref name="write"/> with a stream to a temporary file beside <paramref name="path"/>, then renames it over <paramref name="path"/>.</summary>
    /// <remarks>The bytes are on the disk before the rename, and the rename before this returns. When <paramref name="write"/> throws, the temporary file is removed and an existing file at <paramref name="path"/> is untouched.</remarks>
    /// <exception cref="UnwritableFileException">There is no room, or the place may not be written.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var unfinished = $"{path}.{Guid.NewGuid():N}.part";
        try
        {
            using (var stream = Create(path, unfinished))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: true);
            var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            if (!Path.GetFileName(folder).StartsWith(UnfinishedFolder, StringComparison.Ordinal))
            {
                FlushFolder(folder);
            }
        }
        catch (Exception e)
        {
            if (File.Exists(unfinished))
            {
                File.Delete(unfinished);
            }

            if (e is IOException { HResult: NoSpace or ReadOnlyDisk or OverQuota } and not UnwritableFileException)
            {
                throw new UnwritableFileException(path, e);
            }

            throw;
        }
    }

    /// <summary>Writes the names in a folder to the disk: without it a power cut may undo a rename whose file is safe.</summary>
    /// <remarks>Nothing happens where the system has no such call (Windows), or the file system refuses it.</remarks>
    /// <param name="path">The folder.</param>
    public static void FlushFolder(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using var folder = new SafeFileHandle(OpenFolder(path, CloseOnExec), ownsHandle: true); // .NET opens no folders
        if (!folder.IsInvalid)
        {
            RandomAccess.FlushToDisk(folder);
        }
    }

    /// <summary>Opens a file that stands for a claim on something: while it is open, no other process gets it. It ends with the process, in whatever way.</summary>
    /// <remarks>The file stays and means nothing by itself: deleting it would let two processes hold two files of one name.</remarks>
    /// <param name="path">The file; created when missing.</param>
    /// <returns>null where another process has it.</returns>
    public static FileStream? TryClaim(string path)
    {
        try
        {
            return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult is WouldBlock or SharingViolation)
        {
            return null;
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

    [LibraryImport("libc.so.6", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenFolder(string path, int flags);

    private static FileStream Create(string path, string unfinished)
    {
        try
        {
            return new(unfinished, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 16);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UnwritableFileException(path, e);
        }
    }

    private static string Field(string? text) =>
        text is null ? "" : text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
