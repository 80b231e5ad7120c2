using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>One look at the test set.</summary>
/// <param name="Time">UTC, ISO 8601.</param>
/// <param name="What">The command and the runs that were judged.</param>
/// <param name="Program">Program and version.</param>
internal sealed record TestLook(string Time, string What, string Program);

/// <summary>What <c>test-lock.json</c> holds.</summary>
/// <param name="TestSet">SHA-256 over scans and masks of all test cases, in the order of their ids; lower-case hexadecimal.</param>
/// <param name="ScanHashes">SHA-256 over the voxels of each test case's channels, by case.</param>
/// <param name="Looks">Every look, oldest first.</param>
internal sealed record TestLockRecord(string TestSet, IReadOnlyDictionary<string, string> ScanHashes, IReadOnlyList<TestLook> Looks);

/// <summary>Counts how often a held-out test set was looked at, and keeps its scans out of training. The first look locks the set.</summary>
/// <remarks>A test set answers honestly once: every decision that follows from a look makes the next answer optimistic (Dwork et al. 2015, doi:10.1126/science.aaa9375).</remarks>
/// <param name="path">The record, <c>test-lock.json</c>.</param>
internal sealed class TestLock(string path)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Where the record lies unless another place is given.</summary>
    /// <param name="data">Folder of the data set.</param>
    public static string Beside(string data) => Path.Combine(data, "test-lock.json");

    /// <summary>For people: the test set of a run, and how often it was looked at.</summary>
    /// <param name="training">Names the data set, and the record where it lies elsewhere.</param>
    /// <exception cref="DatasetException">The record cannot be read.</exception>
    public static string Describe(Training.TrainingOptions training) => new TestLock(training.TestLock ?? Beside(training.Data)).Describe();

    /// <summary>For people: the test set, and how often it was looked at.</summary>
    /// <exception cref="DatasetException">The record cannot be read.</exception>
    public string Describe() => Read() is { } record
        ? $"{record.ScanHashes.Count} {(record.ScanHashes.Count == 1 ? "case" : "cases")}, locked as {record.TestSet[..16]}, looked at {record.Looks.Count} {(record.Looks.Count == 1 ? "time" : "times")}, last on {record.Looks[^1].Time}"
        : "no look was ever taken";

    /// <summary>The hash that identifies a test set.</summary>
    /// <param name="contentHashes">Of scans and mask, by case.</param>
    public static string Hash(IReadOnlyDictionary<string, byte[]> contentHashes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var (id, content) in contentHashes.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(id));
            hash.AppendData(content);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Enters a look. Called before anything of the test set is predicted, so that an interrupted look counts too.</summary>
    /// <param name="testSet">What <see cref="Hash"/> returned.</param>
    /// <param name="scanHashes">By case.</param>
    /// <param name="what">Who looks.</param>
    /// <param name="program">Program and version.</param>
    /// <param name="clock">Source of time.</param>
    /// <returns>The number of looks, this one included.</returns>
    /// <exception cref="DatasetException">The record belongs to other content, or cannot be read.</exception>
    public int Look(string testSet, IReadOnlyDictionary<string, string> scanHashes, string what, string program, TimeProvider clock)
    {
        using var turn = Accessing(TakeTurn);
        var record = Read() ?? new(testSet, scanHashes, []);
        if (record.TestSet != testSet)
        {
            throw new DatasetException(path, $"a lock of test set {record.TestSet[..16]}, looked at {record.Looks.Count} times, but the test set is {testSet[..16]}",
                "the test set that was locked", "Restore its scans and masks; for another test set, give another record with --test-lock.");
        }

        var time = clock.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture);
        record = record with { Looks = [.. record.Looks, new(time, what, program)] };
        var text = JsonSerializer.Serialize(record, TrainerJson.Indented) + "\n";
        Accessing(() =>
        {
            OutputFile.WriteText(path, text);
            return text;
        });
        return record.Looks.Count;
    }

    /// <summary>Enters a look at the test set that the record already knows.</summary>
    /// <inheritdoc cref="Look(string, IReadOnlyDictionary{string, string}, string, string, TimeProvider)"/>
    /// <exception cref="DatasetException">There is no record, it belongs to other content, or it cannot be read.</exception>
    public int LookAgain(string testSet, string what, string program, TimeProvider clock) => Look(
        testSet,
        (Read() ?? throw new DatasetException(path, "no record", "the record of the looks that the evaluation entered", "Restore it, or give the record with --test-lock.")).ScanHashes,
        what, program, clock);

    /// <summary>Refuses to train on a scan of the locked test set, under whatever name.</summary>
    /// <param name="dataset">The data set, for the error.</param>
    /// <param name="scanHashes">Of the cases that are to train or validate, by case.</param>
    /// <exception cref="DatasetException">One of them is locked.</exception>
    public void RefuseTraining(Dataset dataset, IReadOnlyDictionary<string, string> scanHashes)
    {
        if (Read() is not { } record)
        {
            return;
        }

        var locked = record.ScanHashes.ToLookup(c => c.Value, c => c.Key);
        foreach (var (id, hash) in scanHashes)
        {
            if (locked[hash].FirstOrDefault() is { } test)
            {
                throw new DatasetException(dataset.Folder, $"case {id} has the scan of case {test} of the test set locked by {path}", "no scan of the test set in training",
                    $"Remove the case, or name it under \"test\" in {Dataset.DescriptionFile}.");
            }
        }
    }

    /// <summary>Says which file could not be used, and that it may lie elsewhere: the data set may be read-only.</summary>
    private T Accessing<T>(Func<T> access)
    {
        try
        {
            return access();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DatasetException(path, $"a record that cannot be read and written ({e.Message})", "a file that counts the looks at the test set",
                "Make the folder writable, or give a record in another place with --test-lock.", e);
        }
    }

    private TestLockRecord? Read()
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<TestLockRecord>(Accessing(() => File.ReadAllText(path)), TrainerJson.Indented) ?? throw new JsonException("null");
        }
        catch (JsonException e)
        {
            throw new DatasetException(path, $"a record that cannot be read ({e.Message})", "the record that credence-train writes", "Restore it from a backup: it counts the looks at the test set.", e);
        }
    }

    /// <summary>Waits for exclusive use of the record. The file that stands for it stays: deleting it would let two writers hold two files of one name.</summary>
    private FileStream TakeTurn()
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        Directory.CreateDirectory(folder);
        var turn = Path.Combine(folder, $".{Path.GetFileName(path)}.turn");
        for (var waited = TimeSpan.Zero; ; waited += TimeSpan.FromMilliseconds(20))
        {
            try
            {
                return new(turn, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (waited < Patience)
            {
                Thread.Sleep(20);
            }
        }
    }
}
