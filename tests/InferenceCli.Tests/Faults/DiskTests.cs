using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Faults;

/// <summary>A disk without room, and one that may not be written: earlier results stay whole, the error names the file, and the next run brings the rest.</summary>
public sealed class DiskTests : IDisposable
{
    private const string NoRoom = "cannot be written (No space left on device : ";

    private readonly TemporaryFolder folder = new();

    public DiskTests()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Directory.CreateDirectory(folder.File("in"));
        for (var n = 0; n < 6; n++)
        {
            var random = new Random(n);
            NiftiFile.Write(folder.File($"in/case{n}.nii.gz"), new Volume(new(new(24, 20, 16), Affine.Scaling(new(1, 1, 2))), [.. Enumerable.Range(0, 7680).Select(_ => (float)random.Next(0, 1000))]));
        }
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_batch_on_a_full_disk_keeps_what_it_had_and_completes_when_there_is_room()
    {
        using var disk = new SmallDisk(8192);
        var (whole, output) = (folder.File("whole"), disk.File("out"));
        Assert.Equal(0, Batch(whole).ExitCode);
        disk.Fill(3 * Size(Path.Combine(whole, "case0"))); // each file takes whole pages, and the case before is still there when the next is written

        var (code, _, error) = Batch(output);
        Assert.True(code is 1 or 5, error); // whether the list of cases has room as well
        Assert.Contains(NoRoom, error, StringComparison.Ordinal);
        var done = AssertWhole(whole, output);
        Assert.InRange(done, 1, 5);
        Assert.Equal([".lock"], Directory.GetFileSystemEntries(Path.Combine(output, ".unfinished")).Select(Path.GetFileName));
        Assert.Empty(Directory.GetFiles(output, "*.part", SearchOption.AllDirectories));

        disk.Free();
        (code, _, error) = Batch(output);
        Assert.True(code == 0, error);
        Assert.Equal(6, AssertWhole(whole, output));

        // Nothing is lost where nothing can be written: a run that may not begin leaves all as it was.
        disk.SetReadOnly(true);
        (code, _, error) = Batch(output, "--seed", "9");
        Assert.Equal(1, code);
        Assert.StartsWith("error: Read-only file system", error, StringComparison.Ordinal);
        Assert.Equal(6, AssertWhole(whole, output));
    }

    [Fact]
    public void A_prediction_on_a_full_disk_leaves_the_earlier_one()
    {
        using var disk = new SmallDisk(4096);
        var output = disk.File("out");
        string[] Predict(string target, string seed) => ["predict", folder.File("in/case0.nii.gz"), "--model", folder.File("tiny.onnx"), "--output", target, "--samples", "4", "--no-page", "--seed", seed];
        Assert.Equal((0, 0), (Infer(Predict(output, "1")).ExitCode, Infer(Predict(folder.File("second"), "2")).ExitCode));
        var before = Files(output);
        disk.Fill(40_000);

        var (code, _, error) = Infer(Predict(output, "2"));
        Assert.Equal(1, code);
        Assert.Contains(NoRoom, error, StringComparison.Ordinal);
        Assert.Equal(before, Files(output));
        Assert.Empty(Directory.GetDirectories(output));

        disk.SetReadOnly(true);
        (code, _, error) = Infer(Predict(output, "2"));
        Assert.Equal(1, code);
        Assert.StartsWith("error: Read-only file system", error, StringComparison.Ordinal);
        disk.SetReadOnly(false);

        disk.Free();
        Assert.Equal(0, Infer(Predict(output, "2")).ExitCode);
        Assert.All(Directory.GetFiles(folder.File("second"), "*.nii.gz"), f => Assert.Equal(File.ReadAllBytes(f), File.ReadAllBytes(Path.Combine(output, Path.GetFileName(f)))));
    }

    [Fact]
    public void A_conversion_on_a_full_disk_leaves_the_earlier_file()
    {
        using var disk = new SmallDisk(1024);
        string[] Convert(int n) => ["convert", folder.File($"in/case{n}.nii.gz"), "--output", disk.File("scan.nii.gz")];
        Assert.Equal(0, Infer(Convert(0)).ExitCode);
        var before = Files(disk.File(""));
        disk.Fill(4096);

        var (code, _, error) = Infer(Convert(1));
        Assert.Equal(1, code);
        Assert.Contains($"error: {disk.File("scan.nii.gz")}: {NoRoom}", error, StringComparison.Ordinal);
        disk.Free();
        Assert.Equal(before, Files(disk.File("")));
        Assert.Equal(0, Infer(Convert(1)).ExitCode);
        Assert.Equal(NiftiFile.Read(folder.File("in/case1.nii.gz")).Voxels, NiftiFile.Read(disk.File("scan.nii.gz")).Voxels);
    }

    /// <summary>Every case that can be seen is the same as without any fault.</summary>
    /// <returns>How many there are.</returns>
    private static int AssertWhole(string whole, string output)
    {
        var cases = Directory.GetDirectories(output).Where(f => Path.GetFileName(f) != ".unfinished").ToList();
        Assert.All(cases, c => Assert.Equal(
            Directory.GetFiles(Path.Combine(whole, Path.GetFileName(c))).Select(Path.GetFileName).Order(StringComparer.Ordinal), Directory.GetFiles(c).Select(Path.GetFileName).Order(StringComparer.Ordinal)));
        Assert.All(cases.SelectMany(c => Directory.GetFiles(c, "*.nii.gz")), f => Assert.Equal(File.ReadAllBytes(Path.Combine(whole, Path.GetRelativePath(output, f))), File.ReadAllBytes(f)));
        return cases.Count;
    }

    private static long Size(string path) => Directory.GetFiles(path).Sum(f => (new FileInfo(f).Length + 4095) / 4096 * 4096);

    private static Dictionary<string, string> Files(string path) =>
        Directory.GetFiles(path).ToDictionary(f => Path.GetFileName(f), f => System.Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))));

    private (int ExitCode, string Output, string Error) Batch(string output, params string[] options) =>
        Infer(["batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", output, "--samples", "4", "--no-page", .. options]);

    private static (int ExitCode, string Output, string Error) Infer(params string[] arguments) => BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
}
