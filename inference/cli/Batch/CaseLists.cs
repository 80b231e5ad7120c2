using System.Text.Json;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

/// <summary>Where the line of a case lies in the lists of a batch.</summary>
/// <param name="Case">Name of the case.</param>
/// <param name="Status">What became of it.</param>
/// <param name="HasWarnings">Whether something speaks against trusting the result.</param>
/// <param name="List">Number of the list, from 0.</param>
/// <param name="Offset">Byte of the list at which the line begins.</param>
/// <param name="Length">Bytes of the line.</param>
internal readonly record struct CaseLine(string Case, CaseStatus Status, bool HasWarnings, int List, long Offset, int Length);

/// <summary>The lists of cases of a batch, looked through once. What is kept in memory is where each line lies; records are read again when they are needed.</summary>
internal sealed class CaseLists : IDisposable
{
    private readonly List<FileStream?> lists;
    private readonly Dictionary<string, CaseLine> lines = [];

    /// <summary>Looks through lists; of several lines of a case the last one counts, since <c>--watch</c> tries a case again.</summary>
    /// <param name="paths">The lists; one that is not there has no cases.</param>
    public CaseLists(IEnumerable<string> paths)
    {
        lists = [.. paths.Select(Open)];
        for (var list = 0; list < lists.Count; list++)
        {
            if (lists[list] is { } stream)
            {
                Scan(stream, list);
            }
        }
    }

    /// <summary>Cases that are in two lists, which no two processes of one batch take.</summary>
    public List<string> InSeveralLists { get; } = [];

    /// <summary>A line a case, in no order.</summary>
    public IReadOnlyCollection<CaseLine> Lines => lines.Values;

    /// <summary>By name of the case.</summary>
    public IEnumerable<CaseLine> ByName => Lines.OrderBy(l => l.Case, StringComparer.Ordinal);

    /// <summary>Reads records in the order that is asked for; one whose list was begun anew meanwhile is left out.</summary>
    public IEnumerable<CaseRecord> Read(IEnumerable<CaseLine> order) => order.Select(l => Parse(Bytes(l))).OfType<CaseRecord>();

    /// <summary>Writes all lines into one list, by name of the case.</summary>
    public void WriteTo(string path) => OutputFile.Write(path, stream =>
    {
        foreach (var line in ByName)
        {
            stream.Write(Bytes(line));
            stream.WriteByte((byte)'\n');
        }
    });

    public void Dispose() => lists.ForEach(l => l?.Dispose());

    private static FileStream? Open(string path) => File.Exists(path) ? new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete) : null;

    private void Scan(FileStream stream, int list)
    {
        var buffer = new byte[1 << 16];
        var (begin, filled) = (0L, 0); // of the buffer, which starts with a line
        while (true)
        {
            var read = stream.Read(buffer, filled, buffer.Length - filled);
            filled += read;
            var used = 0;
            while (buffer.AsSpan(used, filled - used).IndexOf((byte)'\n') is >= 0 and var length)
            {
                Add(buffer.AsSpan(used, length), list, begin + used);
                used += length + 1;
            }

            if (read == 0)
            {
                return; // a line without its end was cut by a full disk or a power cut, or is being written
            }

            buffer.AsSpan(used, filled - used).CopyTo(buffer);
            (begin, filled) = (begin + used, filled - used);
            if (filled == buffer.Length)
            {
                Array.Resize(ref buffer, 2 * buffer.Length);
            }
        }
    }

    private void Add(ReadOnlySpan<byte> bytes, int list, long offset)
    {
        if (Parse(bytes) is not { } record)
        {
            return;
        }

        if (lines.TryGetValue(record.Case, out var earlier) && earlier.List != list)
        {
            InSeveralLists.Add(record.Case);
        }

        lines[record.Case] = new(record.Case, record.Status, record.Warnings is { Count: > 0 }, list, offset, bytes.Length);
    }

    private byte[] Bytes(CaseLine line)
    {
        var bytes = new byte[line.Length];
        var read = RandomAccess.Read(lists[line.List]!.SafeFileHandle, bytes, line.Offset);
        return read == bytes.Length ? bytes : [];
    }

    private static CaseRecord? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, CaseJson.Default.CaseRecord);
        }
        catch (JsonException)
        {
            return null; // a process was stopped within this line, or is of another version; its next run writes the list anew
        }
    }
}
