using System.Text.Json;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class TestLockTests
{
    private static readonly Dictionary<string, string> Scans = new() { ["case7"] = "aa" };
    private static readonly string Set = TestLock.Hash(new Dictionary<string, byte[]> { ["case7"] = [1, 2] });
    private static readonly string OtherSet = TestLock.Hash(new Dictionary<string, byte[]> { ["case7"] = [1, 3] });

    [Fact]
    public void Every_look_is_counted_with_time_runs_and_program()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("test-lock.json");
        var clock = new FixedClock(new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero));

        Assert.Equal(1, new TestLock(path).Look(Set, Scans, "evaluate a", "credence-train 1.2.3", clock));
        Assert.Equal(2, new TestLock(path).LookAgain(Set, "compare a, b", "credence-train 1.2.3", clock));

        Assert.Equal($"1 case, locked as {Set[..16]}, looked at 2 times, last on 2026-03-04T05:06:07Z", new TestLock(path).Describe());
        using var json = JsonDocument.Parse(File.ReadAllText(path));
        Assert.Equal("""{"time":"2026-03-04T05:06:07Z","what":"compare a, b","program":"credence-train 1.2.3"}""",
            JsonSerializer.Serialize(json.RootElement.GetProperty("looks")[1]));
    }

    [Fact]
    public void Two_writers_at_once_lose_no_look()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("test-lock.json");

        var counts = Enumerable.Range(0, 40).AsParallel().WithDegreeOfParallelism(8)
            .Select(n => new TestLock(path).Look(Set, Scans, $"look {n}", "test", TimeProvider.System)).ToList();

        Assert.Equal(Enumerable.Range(1, 40), counts.Order());
    }

    [Fact]
    public void A_test_set_with_other_content_is_refused_and_not_counted()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("test-lock.json");
        new TestLock(path).Look(Set, Scans, "evaluate a", "test", TimeProvider.System);

        var error = Assert.Throws<DatasetException>(() => new TestLock(path).Look(OtherSet, Scans, "evaluate a", "test", TimeProvider.System));

        Assert.Equal($"{path}: a lock of test set {Set[..16]}, looked at 1 times, but the test set is {OtherSet[..16]}; expected the test set that was locked. "
            + "Restore its scans and masks; for another test set, give another record with --test-lock.", error.Message);
        Assert.Equal(2, new TestLock(path).Look(Set, Scans, "evaluate a", "test", TimeProvider.System));
    }

    [Fact]
    public void A_locked_scan_may_not_train_under_any_name()
    {
        using var data = SmallDataset.Decathlon();
        var dataset = Dataset.Open(data.Path);
        var testLock = new TestLock(TestLock.Beside(dataset.Folder));
        var training = new Dictionary<string, string> { ["case1"] = "bb", ["renamed"] = "aa" };
        testLock.RefuseTraining(dataset, training); // nothing is locked yet

        testLock.Look(Set, Scans, "evaluate a", "test", TimeProvider.System);

        Assert.Contains("case renamed has the scan of case case7 of the test set locked by", Assert.Throws<DatasetException>(() => testLock.RefuseTraining(dataset, training)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_look_again_needs_the_record_and_an_unusable_place_is_named()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("test-lock.json");

        Assert.Equal($"{path}: no record; expected the record of the looks that the evaluation entered. Restore it, or give the record with --test-lock.",
            Assert.Throws<DatasetException>(() => new TestLock(path).LookAgain(Set, "compare a, b", "test", TimeProvider.System)).Message);
        Assert.False(File.Exists(path));

        File.WriteAllText(folder.File("file"), "");
        Assert.Matches(@"^.*record\.json: a record that cannot be read and written \(.*\); expected a file that counts .* give a record in another place with --test-lock\.$", Assert.Throws<DatasetException>(() =>
            new TestLock(Path.Combine(folder.File("file"), "record.json")).Look(Set, Scans, "evaluate a", "test", TimeProvider.System)).Message);
    }

    [Fact]
    public void A_damaged_record_is_not_started_anew()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("test-lock.json"), "{");

        Assert.Contains("Restore it from a backup", Assert.Throws<DatasetException>(() =>
            new TestLock(folder.File("test-lock.json")).Look(Set, Scans, "evaluate a", "test", TimeProvider.System)).Message, StringComparison.Ordinal);
    }

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
