using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Faults;

/// <summary>A power cut leaves what has reached the disk. Nobody can cut it here; the kernel is asked in the right order.</summary>
public sealed class PowerCutTests
{
    [Fact]
    public void A_case_reaches_the_disk_before_its_name_and_its_name_before_the_list_calls_it_done()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        Directory.CreateDirectory(folder.File("in"));
        NiftiFile.Write(folder.File("in/case0.nii.gz"), new Volume(new(new(12, 10, 8), Affine.Identity), [.. Enumerable.Range(0, 960).Select(v => (float)(v % 311))]));
        var output = folder.File("out");

        var calls = DiskCalls.Of("InferenceCli", "credence-infer", "batch", folder.File("in"), "--model", folder.File("tiny.onnx"), "--output", output, "--samples", "2", "--no-page");

        var files = calls.Renames.Where(r => r.From.EndsWith(".part", StringComparison.Ordinal)).ToList();
        Assert.True(files.Count >= 8);
        Assert.All(files, f => Assert.InRange(calls.Flushed(f.From), 0, f.At));

        var published = calls.Renames.Single(r => r.To == Path.Combine(output, "case0")).At;
        Assert.InRange(calls.Flushed(Path.Combine(output, ".unfinished/case0")), 0, published);
        Assert.InRange(calls.Flushed(output, after: published), published, calls.Written(Path.Combine(output, "cases.jsonl"), "case0\\\",\\\"status\\\":\\\"done"));
        Assert.All(calls.Renames.Where(r => r.To == Path.Combine(output, "batch.json")), r => Assert.True(calls.Flushed(output, after: r.At) > r.At));
    }
}
