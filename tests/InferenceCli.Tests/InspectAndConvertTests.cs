using System.Text.Json;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests;

/// <summary>credence-infer inspect and convert as a user runs them.</summary>
public sealed class InspectAndConvertTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public InspectAndConvertTests()
    {
        Series("study/flair", "FLAIR", "1", offset: 0);
        Series("study/t1", "T1", "2", offset: 100);
        NiftiFile.Write(folder.File("study/mask.nii.gz"), Volume(0), NiftiDataType.UInt8);
        File.WriteAllText(folder.File("study/notes.txt"), "not a scan");
        File.WriteAllText(folder.File("study/broken.nii"), "not a scan either");
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Inspect_lists_series_volumes_and_what_is_broken()
    {
        var (code, output, error) = Infer("inspect", folder.File("study"));

        Assert.Equal((0, ""), (code, error));
        var lines = output.Replace(folder.Path, "", StringComparison.Ordinal).Split('\n', StringSplitOptions.TrimEntries);
        Assert.Contains("/study/mask.nii.gz: NIfTI-1 UInt8", lines);
        Assert.Contains(lines, l => l.StartsWith("/study/flair: MR series 1 stack 1 \"FLAIR, ", StringComparison.Ordinal) && l.EndsWith("3 files, Explicit VR Little Endian", StringComparison.Ordinal));
        Assert.Contains("4 x 5 x 3 voxels of 1 x 1 x 2 mm, RAS", lines);
        Assert.Contains(lines, l => l.StartsWith("unreadable: /study/broken.nii: 17 bytes; expected a NIfTI header", StringComparison.Ordinal));
    }

    [Fact]
    public void Inspect_prints_json_for_machines()
    {
        var (code, output, _) = Infer("inspect", folder.File("study"), "--json");

        Assert.Equal(0, code);
        using var json = JsonDocument.Parse(output);
        var volumes = json.RootElement.GetProperty("volumes").EnumerateArray().ToList();
        Assert.Equal(3, volumes.Count);
        var series = volumes.Single(v => v.GetProperty("description").GetString()?.StartsWith("T1", StringComparison.Ordinal) == true);
        Assert.Equal("[4,5,3]", series.GetProperty("size").GetRawText().Replace(" ", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal));
        Assert.Equal("MR", series.GetProperty("modality").GetString());
        Assert.Single(json.RootElement.GetProperty("unreadable").EnumerateArray());
    }

    /// <summary>A label map with numbers that float32 cannot hold: inspect says that computing with them rounds, convert keeps each.</summary>
    [Fact]
    public void Convert_rounds_no_integer()
    {
        NiftiFile.Write(folder.File("int32.nii"), Volume(0), NiftiDataType.Int32);
        var bytes = File.ReadAllBytes(folder.File("int32.nii"));
        int[] labels = [16_777_216, 16_777_217, -16_777_219, int.MaxValue];
        System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(labels).CopyTo(bytes.AsSpan(352));
        File.WriteAllBytes(folder.File("int32.nii"), bytes);

        Assert.Contains("voxels of type Int32: numbers beyond 16 777 216 are rounded to the 24 bits of float32", Infer("inspect", folder.File("int32.nii")).Output, StringComparison.Ordinal);
        var (code, _, error) = Infer("convert", folder.File("int32.nii"), "--output", folder.File("out/int32.nii"));
        Assert.Equal((0, ""), (code, error));
        Assert.Equal(bytes[352..], File.ReadAllBytes(folder.File("out/int32.nii"))[352..]);
        Assert.Equal(NiftiDataType.Int32, NiftiFile.ReadInfo(folder.File("out/int32.nii")).DataType);
    }

    /// <summary>Where the voxels must be computed, the user is told how many integers changed.</summary>
    [Fact]
    public void Convert_says_how_many_integers_resampling_rounded()
    {
        NiftiFile.Write(folder.File("int32.nii"), Volume(0), NiftiDataType.Int32);
        var bytes = File.ReadAllBytes(folder.File("int32.nii"));
        int[] stored = [16_777_216, 16_777_217, -16_777_219, 16_777_218]; // float32 holds the first and the last
        System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(stored).CopyTo(bytes.AsSpan(352));
        BitConverter.GetBytes(0.5f).CopyTo(bytes, 284); // srow_x[1]: sheared
        File.WriteAllBytes(folder.File("int32.nii"), bytes);

        Assert.Equal(3, Infer("convert", folder.File("int32.nii"), "--output", folder.File("a.nii")).ExitCode);
        var (code, _, error) = Infer("convert", folder.File("int32.nii"), "--resample", "--output", folder.File("a.nii"));
        Assert.Equal(0, code);
        Assert.Contains("int32.nii: 2 voxels beyond 16 777 216 are rounded to the 24 bits of float32", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_writes_the_series_that_was_chosen()
    {
        var wanted = DicomSeries.Scan(folder.File("study/t1"))[0].Uid;
        var (code, _, error) = Infer("convert", folder.File("study"), "--series", wanted, "--output", folder.File("out/t1.nii.gz"));

        Assert.Equal((0, ""), (code, error));
        Assert.Equal(Volume(100).Voxels, Orientation.ToCanonical(NiftiFile.Read(folder.File("out/t1.nii.gz"))).Voxels);
        Assert.Equal(NiftiDataType.Int16, NiftiFile.ReadInfo(folder.File("out/t1.nii.gz")).DataType);
    }

    [Fact]
    public void Convert_refuses_to_guess_between_series_and_writes_nothing()
    {
        var (code, _, error) = Infer("convert", folder.File("study"), "--output", folder.File("a.nii"));

        Assert.Equal(3, code);
        Assert.Matches("error: .*study: 2 series of 2: 1 \"FLAIR\", 1 \"T1\"; expected one series\\. Choose one with --series", error);
        Assert.False(File.Exists(folder.File("a.nii")));
    }

    /// <summary>Extensions and what the coordinates mean travel with the voxels.</summary>
    [Theory]
    [InlineData(1, 4)]
    [InlineData(0, 2)]
    [InlineData(3, 0)]
    [InlineData(0, 0)]
    public void Convert_keeps_extensions_and_form_codes_of_NIfTI(int qform, int sform)
    {
        var grid = new VolumeGeometry(new(4, 5, 3), Affine.Scaling(new(1, 1, 2)));
        NiftiFile.Write(folder.File("a.nii"), new(grid, Volume(0).Voxels), NiftiDataType.Int16, [new(6, "kept as it is\0\0\0"u8.ToArray())], new(qform, sform));
        var (code, _, error) = Infer("convert", folder.File("a.nii"), "--output", folder.File("b.nii.gz"));

        Assert.Equal((0, ""), (code, error));
        var info = NiftiFile.ReadInfo(folder.File("b.nii.gz"));
        Assert.Equal(new NiftiForms(qform, sform), info.Forms);
        Assert.Equal("kept as it is", System.Text.Encoding.ASCII.GetString(Assert.Single(info.Extensions).Data.Span).TrimEnd('\0'));
        Assert.Equal(NiftiFile.Read(folder.File("a.nii")).Voxels, NiftiFile.Read(folder.File("b.nii.gz")).Voxels);
        Assert.True(info.Geometry.IsSameGrid(grid, 1e-6));
    }

    /// <summary>Voxels of red, green and blue are refused, or one of them is taken.</summary>
    [Fact]
    public void Convert_takes_one_component_of_a_colour()
    {
        NiftiFile.Write(folder.File("a.nii"), new(new(new(6, 1, 1), Affine.Identity), [1, 2, 3, 4, 5, 6]), NiftiDataType.UInt8);
        var bytes = File.ReadAllBytes(folder.File("a.nii"));
        (bytes[42], bytes[70], bytes[72]) = (2, 128, 24); // dim[1], datatype and bitpix: two voxels of RGB24
        File.WriteAllBytes(folder.File("a.nii"), bytes);

        var (code, _, error) = Infer("convert", folder.File("a.nii"), "--output", folder.File("b.nii"));
        Assert.Equal(3, code);
        Assert.Contains("Choose one: `credence-infer convert --component` real, imaginary, red, green or blue.", error, StringComparison.Ordinal);
        Assert.Equal(0, Infer("convert", folder.File("a.nii"), "--component", "green", "--output", folder.File("b.nii")).ExitCode);
        Assert.Equal([2, 5], NiftiFile.Read(folder.File("b.nii")).Voxels);
        Assert.Equal(2, Infer("convert", folder.File("a.nii"), "--component", "opacity", "--output", folder.File("c.nii")).ExitCode);
    }

    [Theory]
    [InlineData("study/mask.nii.gz", "--series", "a NIfTI file, which has no series or stacks; expected a DICOM file or folder, for --series and --stack.")]
    [InlineData("study/mask.nii.gz", "--stack", "a NIfTI file, which has no series or stacks; expected a DICOM file or folder, for --series and --stack.")]
    [InlineData("study/mask.nii.gz", "--time-point", "1 volumes; expected at least 2, to take number 2.")]
    [InlineData("study/t1", "--component", "no NIfTI file; expected complex or colour NIfTI voxels, for --component.")]
    public void Options_of_the_other_format_are_not_ignored(string input, string option, string message)
    {
        var (code, _, error) = Infer("convert", folder.File(input), option, option == "--component" ? "red" : "2", "--output", folder.File("a.nii"));
        Assert.Equal(3, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_opened_does_not_end_inspect()
    {
        File.CreateSymbolicLink(folder.File("study/loop.nii"), folder.File("study/loop.nii")); // permissions do not bind every user, a link to itself does
        File.CreateSymbolicLink(folder.File("study/loop.dcm"), folder.File("study/loop.dcm"));
        var (code, output, _) = Infer("inspect", folder.File("study"));

        Assert.Equal(0, code);
        Assert.Matches(@"unreadable: .*loop\.nii: .*; expected a readable file\. Check the permissions and the disk\.", output);
        Assert.Matches(@"unreadable: .*loop\.dcm: .*; expected a readable file\. Check the permissions and the disk\.", output);
        Assert.Contains("FLAIR", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_resamples_only_on_request()
    {
        File.Delete(folder.File("study/flair/0002.dcm"));
        var uneven = folder.File("study/flair");
        DicomSeriesWriter.Write(folder.File("more"), new(new(new(4, 5, 1), Affine.Scaling(new(1, 1, 2)) with { Origin = new(0, 0, 10) }), new float[20]), Info("FLAIR", "1"));
        File.Move(folder.File("more/0001.dcm"), folder.File("study/flair/0009.dcm"));

        var (code, _, error) = Infer("convert", uneven, "--output", folder.File("a.nii"));
        Assert.Equal(3, code);
        Assert.Contains("a slice is missing, or the step varies", error, StringComparison.Ordinal);

        Assert.Equal(0, Infer("convert", uneven, "--output", folder.File("a.nii"), "--resample").ExitCode);
        Assert.Equal(new Size3(4, 5, 3), NiftiFile.Read(folder.File("a.nii")).Geometry.Size);
    }

    [Theory]
    [InlineData(2, "--output does not end in .nii", "convert", "study", "--output", "a.dcm")]
    [InlineData(2, "counted from 1", "convert", "study", "--output", "a.nii", "--stack", "0")]
    [InlineData(3, "nothing there", "convert", "absent", "--output", "a.nii")]
    [InlineData(3, "nothing there", "inspect", "absent")]
    [InlineData(3, "no scan", "inspect", "study/notes.txt")]
    [InlineData(3, "2 series \"7\"|0 series \"7\" of 2", "convert", "study", "--output", "a.nii", "--series", "7")]
    public void Wrong_use_has_its_code_and_message(int expected, string pattern, string command, string input, params string[] rest)
    {
        var (code, _, error) = Infer([command, folder.File(input), .. rest]);

        Assert.Equal(expected, code);
        Assert.Matches(pattern, error);
    }

    private void Series(string path, string description, string seed, float offset) => DicomSeriesWriter.Write(folder.File(path), Volume(offset), Info(description, seed));

    private static DicomSeriesInfo Info(string description, string seed) => new() { UidSeed = seed, Patient = "1", Description = description };

    private static Volume Volume(float offset) => new(new(new(4, 5, 3), Affine.Scaling(new(1, 1, 2))), [.. Enumerable.Range(0, 60).Select(v => v + offset)]);

    private static (int ExitCode, string Output, string Error) Infer(params string[] arguments) => BuiltProgram.Run("InferenceCli", "credence-infer", arguments);
}
