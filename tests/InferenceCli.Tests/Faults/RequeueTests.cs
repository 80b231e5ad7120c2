using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Faults;

/// <summary>A scheduler starts a shard again while its first process still lives.</summary>
public sealed class RequeueTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_second_process_of_a_shard_is_refused_and_takes_over_when_the_first_is_dead()
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Directory.CreateDirectory(folder.File("in"));
        foreach (var n in Enumerable.Range(0, 12))
        {
            NiftiFile.Write(folder.File($"in/{n:D2}.nii.gz"), new Volume(new(new(32, 32, 32), Affine.Identity), [.. Enumerable.Range(0, 32768).Select(v => (float)((v + n) % 311))]));
        }

        string[] arguments = ["batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", folder.File("out"), "--samples", "60", "--no-page", "--json", "--shard", "1/2"];
        using (var first = BuiltProgram.Start("InferenceCli", "credence-infer", arguments))
        {
            var errors = first.StandardError.ReadToEndAsync();
            Assert.NotNull(first.StandardOutput.ReadLine()); // it is at work
            var (code, _, error) = BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
            Assert.Equal((3, true), (code, error.Contains("out: a folder that another process is writing; expected a folder that nothing else writes.", StringComparison.Ordinal)));
            Assert.False(first.HasExited);
            first.Kill(); // SIGKILL
            first.WaitForExit();
        }

        var (again, output, _) = BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
        Assert.Equal((0, 6), (again, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));
        Assert.Contains("\"status\":\"unchanged\"", output, StringComparison.Ordinal);
    }
}
