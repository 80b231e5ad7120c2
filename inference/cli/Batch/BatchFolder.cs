using System.Text.Json;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

/// <summary>The output of a batch: a folder a case, which is there when it is whole and not before.</summary>
/// <remarks>
/// A case is written below a hidden folder and becomes visible by one rename. What a killed run left there is removed by the next one.
/// </remarks>
internal sealed class BatchFolder : IDisposable
{
    /// <summary>Marks a case's folder as one of ours, and says what it was made of.</summary>
    public const string CaseFile = "case.json";

    private const string LockFile = ".lock";
    private const string Replaced = ".replaced"; // behind the name of a case: its earlier result, until the new one is in its place

    private readonly string path;
    private readonly string unfinished;
    private readonly Shard shard;
    private readonly FileStream claim;
    private readonly FileStream log;

    /// <summary>Opens the folder for this process alone; created when missing.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="shard">Of the processes that share the folder, which.</param>
    /// <exception cref="InvalidImageFileException">Another process writes it.</exception>
    public BatchFolder(string path, Shard shard)
    {
        (this.path, this.shard, unfinished) = (path, shard, Path.Combine(path, $"{OutputFile.UnfinishedFolder}{shard.Suffix}"));
        Directory.CreateDirectory(unfinished);
        claim = OutputFile.TryClaim(Path.Combine(unfinished, LockFile))
            ?? throw new InvalidImageFileException(path, "a folder that another process is writing", "a folder that nothing else writes", "Wait until it ends, give another folder with --output, or share the work with --shard.");
        foreach (var replaced in Directory.GetDirectories(unfinished, $"*{Replaced}"))
        {
            PutBack(replaced, FolderOf(Path.GetFileName(replaced)[..^Replaced.Length]));
        }

        foreach (var leftover in Directory.GetDirectories(unfinished))
        {
            Directory.Delete(leftover, recursive: true);
        }

        foreach (var leftover in Directory.GetFiles(unfinished).Where(f => Path.GetFileName(f) != LockFile))
        {
            File.Delete(leftover);
        }

        log = new(Path.Combine(path, ListFile(shard)), FileMode.Create, FileAccess.Write, FileShare.Read);
    }

    /// <summary>The output.</summary>
    public string Folder => path;

    /// <summary>A folder that only this process writes, and that nobody looks into.</summary>
    public string Work => unfinished;

    /// <summary>Name of the list of cases of a process.</summary>
    public static string ListFile(Shard shard) => $"cases{shard.Suffix}.jsonl";

    /// <summary>What was done for a case before; null where nothing is there.</summary>
    /// <exception cref="InvalidImageFileException">A folder is there that no batch wrote.</exception>
    public CaseRecord? Find(string name)
    {
        var (folder, file) = (Path.Combine(path, name), Path.Combine(path, name, CaseFile));
        if (!File.Exists(file))
        {
            return !Path.Exists(folder) ? null : throw new InvalidImageFileException(
                folder, $"no {CaseFile}", "a folder that batch wrote, which it may replace", "Move the folder away, or give another one with --output.");
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(file), CaseJson.Default.CaseRecord);
        }
        catch (JsonException)
        {
            return null; // of another version: the case is done again
        }
    }

    /// <summary>Writes a case and shows it when it is whole; an earlier result is replaced.</summary>
    /// <param name="record">Goes with it.</param>
    /// <param name="write">Writes everything else into a folder.</param>
    public void Publish(CaseRecord record, Action<string> write)
    {
        var (work, replaced, target) = (Path.Combine(unfinished, record.Case), Path.Combine(unfinished, record.Case + Replaced), FolderOf(record.Case));
        try
        {
            write(work);
            OutputFile.WriteText(Path.Combine(work, CaseFile), record.ToJson() + "\n");
            if (Directory.Exists(target))
            {
                Directory.Move(target, replaced);
            }

            Directory.Move(work, target);
            OutputFile.FlushFolder(path);
        }
        finally
        {
            PutBack(replaced, target);
            foreach (var folder in new[] { work, replaced }.Where(Directory.Exists))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }

    /// <summary>Shows an earlier result again whose successor did not get into its place: the process was killed, or refused, between two renames.</summary>
    private static void PutBack(string replaced, string target)
    {
        if (Directory.Exists(replaced) && !Directory.Exists(target))
        {
            Directory.Move(replaced, target);
        }
    }

    /// <summary>Where the result of a case is.</summary>
    public string FolderOf(string name) => Path.Combine(path, name);

    /// <summary>Writes down what became of a case after it was published.</summary>
    public void Update(CaseRecord record) => OutputFile.WriteText(Path.Combine(FolderOf(record.Case), CaseFile), record.ToJson() + "\n");

    /// <summary>Adds a line to the list of cases; in one write, so that no line is cut.</summary>
    public void Log(string line)
    {
        log.Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
        log.Flush();
    }

    /// <summary>Ends the list and sorts it by name, with one line a case: the order in which cases ended is then forgotten, as is the number of processes.</summary>
    public void CloseList()
    {
        log.Dispose();
        using var list = new CaseLists([Path.Combine(path, ListFile(shard))]);
        list.WriteTo(Path.Combine(path, ListFile(shard)));
    }

    public void Dispose()
    {
        log.Dispose();
        claim.Dispose();
    }
}
