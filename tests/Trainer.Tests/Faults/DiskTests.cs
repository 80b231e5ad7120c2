using Credence.Models.Checkpoints;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Faults;

/// <summary>A disk without room, and one that may not be written: what was there stays, the error says what to do, and the end is that of a run that had room.</summary>
public sealed class DiskTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public DiskTests() =>
        Assert.Equal(0, Train("phantom", "--out", folder.File("data"), "--cases", "3", "--size", "16", "16", "16").ExitCode);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_full_disk_leaves_the_checkpoint_before_and_the_run_goes_on_when_there_is_room()
    {
        using var disk = new SmallDisk(16384);
        Assert.Equal(0, Train(Fit(folder.File("whole"))).ExitCode);
        var run = disk.File("run");

        disk.Fill(0);
        var (code, output, error) = Train(Fit(run)); // not even the plan finds room
        Assert.Equal((1, ""), (code, output));
        Assert.Matches(@"^error: .*/run/[a-z]+\.json: cannot be written \(No space left on device : .*\); expected a disk with room that may be written\. .*: make room, or choose another place, and run the same again\.\n$", LastLine(error));

        var sizes = new[] { "last.safetensors", "best.safetensors" }.Sum(f => new FileInfo(folder.File($"whole/{f}")).Length);
        disk.Fill(sizes + 60_000); // both checkpoints of the first epoch, but no second one beside them
        (code, _, error) = Train(Fit(run));
        Assert.Equal(1, code);
        Assert.Matches(@"^error: .*/run/(last|best)\.safetensors: cannot be written \(No space left on device : .*\); .* The checkpoint before is unharmed: make room, and resume the run\.\n$", LastLine(error));
        Assert.Empty(Directory.GetFiles(run, "*.part"));
        using (var checkpoint = Checkpoint.Load(Path.Combine(run, "last.safetensors")))
        {
            Assert.InRange(RunFolder.ReadState(checkpoint).Progress.Epoch, 1, 3);
        }

        disk.Free();
        Assert.Equal(0, Train("fit", "--out", run, "--resume").ExitCode);
        Assert.Empty(RunComparison.Differences(folder.File("whole"), run));

        // The same for what is made of the run.
        string[] export = ["export", run, "--output", disk.File("model.onnx")];
        Assert.Equal(0, Export(export).ExitCode);
        var model = File.ReadAllBytes(disk.File("model.onnx"));
        disk.Fill(8192);
        (code, _, error) = Export(export);
        Assert.Equal(1, code);
        Assert.Matches(@"^error: .*/model\.onnx: cannot be written \(No space left on device : ", LastLine(error));
        Assert.Equal(model, File.ReadAllBytes(disk.File("model.onnx")));
        Assert.Empty(Directory.GetFiles(disk.File(""), "*.part"));
        disk.Free();
        Assert.Equal(0, Export(export).ExitCode);
        Assert.Equal(model, File.ReadAllBytes(disk.File("model.onnx")));
    }

    [Fact]
    public void A_folder_that_may_not_be_written_is_named_and_left_as_it_is()
    {
        using var disk = new SmallDisk(16384);
        var run = disk.File("run");
        Assert.Equal(0, Train(Fit(folder.File("whole"))).ExitCode);
        Assert.Equal(0, Train(Fit(run, epochs: "2")).ExitCode);
        var before = Directory.GetFiles(run).ToDictionary(f => f, File.ReadAllBytes);

        disk.SetReadOnly(true);
        var (code, _, error) = Train("fit", "--out", run, "--resume", "--epochs", "4");
        Assert.Equal(1, code);
        Assert.Matches(@"^error: Read-only file system : '.*/run/\.lock'\n$", LastLine(error));
        (code, _, error) = Train(Fit(disk.File("other")));
        Assert.Equal(1, code);
        Assert.Matches(@"^error: Read-only file system : '.*/other'\n$", LastLine(error));
        (code, _, error) = Export("export", run, "--output", disk.File("model.onnx"));
        Assert.Equal(1, code);
        Assert.Matches(@"^error: .*/model\.onnx: cannot be written \(Read-only file system : ", LastLine(error));
        Assert.Equal(before.Keys.Order(), Directory.GetFiles(run).Order());
        Assert.All(before, f => Assert.Equal(f.Value, File.ReadAllBytes(f.Key)));
    }

    private string[] Fit(string run, string epochs = "4") =>
        ["fit", "--data", folder.File("data"), "--out", run, "--folds", "3", "--epochs", epochs, "--steps-per-epoch", "2", "--width", "2", "--batch-size", "1", "--recency", "0", "--device", "cpu", "--threads", "1"];

    private static string LastLine(string text) => text[(text.TrimEnd('\n').LastIndexOf('\n') + 1)..];

    private static (int ExitCode, string Output, string Error) Train(params string[] arguments) => BuiltProgram.Run("Trainer", "credence-train", arguments);

    private static (int ExitCode, string Output, string Error) Export(params string[] arguments) => BuiltProgram.Run("Exporter", "credence-export", arguments);
}
