using Credence.InferenceCli.Batch;

namespace Credence.InferenceCli.Tests.Batch;

public sealed class DropFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly Clock clock = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_file_that_grows_is_not_at_rest()
    {
        var drop = new DropFolder(TimeSpan.FromSeconds(10), clock);
        var file = folder.File("a.nii.gz");
        File.WriteAllText(file, "a");
        Assert.Empty(At(0));
        File.AppendAllText(file, "b");
        Assert.Empty(At(9));
        Assert.Empty(At(18)); // 9 seconds after it grew
        Assert.Equal([file], At(19));
        File.AppendAllText(file, "c");
        Assert.Empty(At(30));
        Assert.Equal([file], At(40));

        IReadOnlyList<string> At(int seconds)
        {
            clock.Seconds = seconds;
            return drop.Settled([file]);
        }
    }

    [Fact]
    public void Dicom_waits_for_its_folder_and_nifti_for_itself()
    {
        var drop = new DropFolder(TimeSpan.FromSeconds(10), clock);
        string[] files = [.. new[] { "1.dcm", "2.dcm", "a.nii", "other/3.dcm" }.Select(folder.File)];
        Directory.CreateDirectory(folder.File("other"));
        foreach (var file in files)
        {
            File.WriteAllText(file, "x");
        }

        Assert.Empty(drop.Settled([.. files.Where(f => !f.EndsWith("2.dcm", StringComparison.Ordinal))]));
        clock.Seconds = 5;
        Assert.Empty(drop.Settled(files)); // 2.dcm comes
        clock.Seconds = 10;
        Assert.Equal(files[2..], drop.Settled(files));
        clock.Seconds = 15;
        Assert.Equal(files, drop.Settled(files));
    }

    private sealed class Clock : TimeProvider
    {
        public int Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
