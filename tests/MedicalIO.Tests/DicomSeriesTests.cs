using CsCheck;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

public sealed class DicomSeriesTests
{
    [Fact]
    public void An_oblique_volume_survives_the_way_through_DICOM()
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique(v => v * 7 % 4096);
        DicomSeriesWriter.Write(folder.Path, volume, Info());

        var read = DicomSeries.Read(folder.Path);

        Assert.Equal(volume.Voxels, read.Voxels);
        Assert.True(read.Geometry.IsSameGrid(volume.Geometry, 1e-3), $"{read.Geometry.CornerDistance(volume.Geometry)} mm");
    }

    [Fact]
    public void Fractions_and_negative_values_are_kept_to_half_a_step_by_rescale()
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique(v => MathF.Sin(v) * 1000);
        DicomSeriesWriter.Write(folder.Path, volume, Info());

        Assert.All(volume.Voxels.Zip(DicomSeries.Read(folder.Path).Voxels), p => Assert.Equal(p.First, p.Second, tolerance: 2000f / 65535 / 2 * 1.01f));
    }

    [Fact]
    public void File_names_do_not_decide_the_order()
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique(v => v);
        DicomSeriesWriter.Write(folder.Path, volume, Info());
        var names = Directory.GetFiles(folder.Path).Order(StringComparer.Ordinal).ToList();
        foreach (var (name, n) in names.Select((name, n) => (name, n)))
        {
            File.Move(name, folder.File($"x{(n * 2 + 1) % 5}.dcm"));
        }

        Assert.Equal(volume.Voxels, DicomSeries.Read(folder.Path).Voxels);
    }

    /// <summary>Oracle: dcm2niix, the converter of the neuroimaging field.</summary>
    [Fact]
    public void Dcm2niix_sees_the_same_volume()
    {
        using var folder = new TemporaryFolder();
        DicomSeriesWriter.Write(folder.File("in"), Oblique(v => v * 7 % 4096), Info());
        AssertAsDcm2niix(folder.File("in"), folder);
    }

    /// <summary>Oracle: dicom3tools' validator of the standard's information object definitions.</summary>
    [Fact]
    public void Dciodvfy_finds_no_error_in_what_we_write()
    {
        using var folder = new TemporaryFolder();
        DicomSeriesWriter.Write(folder.Path, Oblique(v => MathF.Cos(v)), Info());
        foreach (var file in Directory.GetFiles(folder.Path))
        {
            var output = Shared.Run("dicom3tools", "dciodvfy", file);
            Assert.Contains("MRImage", output, StringComparison.Ordinal);
            Assert.DoesNotContain("Error", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Pydicom_reads_what_we_write()
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique(v => v * 7 % 4096);
        DicomSeriesWriter.Write(folder.Path, volume, Info());
        var output = Shared.Run("python3-pydicom", Shared.Python, "-c", $"""
            import pydicom
            d = pydicom.dcmread(r'{folder.File("0001.dcm")}')
            print(int(d.pixel_array.sum()), d.Rows, d.Columns, d.PatientName, d.file_meta.TransferSyntaxUID.name)
            """);

        Assert.StartsWith($"{(int)volume.Voxels[..20].Sum()} 4 5 phantom Explicit VR Little Endian", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Gantry_tilt_and_varying_steps_are_refused_with_figures()
    {
        var e = Assert.ThrowsAny<MedicalImageException>(() => DicomSeries.Read(Shared.Folder("data/dicom/ct_gantry_tilt_ge")));
        Assert.Matches(@"steps from 1\.\d+ to 7\.\d+ mm where .* is usual.*; a gantry tilt of 18\.5 degrees; expected ", e.Message);
    }

    [Fact]
    public void A_tilted_stack_is_refused_with_its_angle()
    {
        using var folder = new TemporaryFolder();
        for (var k = 0; k < 3; k++)
        {
            var slice = new Volume(new(new(4, 4, 1), Affine.Scaling(new(1, 1, 2)) with { Origin = new(0, k, 2 * k) }), new float[16]);
            DicomSeriesWriter.Write(folder.File($"{k}"), slice, Info());
            File.Move(folder.File($"{k}/0001.dcm"), folder.File($"{k}.dcm"));
        }

        var e = Assert.Throws<InvalidImageFileException>(() => DicomSeries.Read(folder.Path));
        Assert.Equal($"{folder.Path}: a gantry tilt of 26.6 degrees; expected one slice at each position, in equal steps along the normal. {Remedy}", e.Message);
    }

    /// <summary>Oracle: a linear ramp in the world is linear on any grid, so straightened it must have its value everywhere inside.</summary>
    [Theory]
    [InlineData(0.0, new[] { 0.0, 2, 4, 8, 10 })] // a missing slice
    [InlineData(0.5, new[] { 0.0, 2, 4, 6, 8 })] // tilt
    [InlineData(-0.3, new[] { 0.0, 1, 4, 6.5, 8 })] // both
    public void A_straightened_ramp_is_a_ramp(double tilt, double[] heights)
    {
        using var folder = new TemporaryFolder();
        static double Ramp(Vector3D p) => 1000 + 10 * p.X + 20 * p.Y + 30 * p.Z;
        foreach (var (height, n) in heights.Select((h, n) => (h, n)))
        {
            var affine = Affine.Scaling(new(1, 1, 2)) with { Origin = new(0, tilt * height, height) };
            var slice = new Volume(new(new(8, 10, 1), affine), [.. Enumerable.Range(0, 80).Select(v => (float)Ramp(affine.Apply(new(v % 8, v / 8, 0))))]);
            DicomSeriesWriter.Write(folder.File($"{n}"), slice, Info());
            File.Move(folder.File($"{n}/0001.dcm"), folder.File($"{n}.dcm"));
        }

        Assert.Throws<InvalidImageFileException>(() => DicomSeries.Read(folder.Path));
        var straight = DicomSeries.Read(folder.Path, resample: true);

        var (inside, affineOut) = (0, straight.Geometry.Affine);
        for (var v = 0; v < straight.Voxels.Length; v++)
        {
            var (i, j, k) = straight.Geometry.IndexOf(v);
            var p = affineOut.Apply(new(i, j, k));
            var within = p.Y - tilt * p.Z;
            if (within > 0.6 && within < 8.4)
            {
                Assert.Equal(Ramp(p), straight.Voxels[v], tolerance: 0.1);
                inside++;
            }
        }

        Assert.True(inside > 8 * 7 * heights.Length / 2, $"{inside} voxels");
        Assert.Equal(heights.Max(), affineOut.Apply(new(0, 0, straight.Geometry.Size.Depth - 1)).Z - affineOut.Origin.Z, tolerance: 1e-6);
    }

    /// <summary>Padding of a CT becomes the lowest value inside the field of view, whichever way the rescale line runs.</summary>
    [Theory]
    [InlineData(1, new float[] { -1020, -1020, -1020, 50 })]
    [InlineData(-1, new float[] { -2094, -2094, -1024, -2094 })]
    public void Padding_of_a_CT_becomes_the_lowest_value(int slope, float[] expected)
    {
        using var folder = new TemporaryFolder();
        var d = new DicomElementWriter();
        d.Text(0x0008, 0x0060, "CS", "CT");
        d.Text(0x0020, 0x000E, "UI", "1.2.3");
        d.Decimals(0x0020, 0x0032, 0, 0, 0);
        d.Decimals(0x0020, 0x0037, 1, 0, 0, 0, 1, 0);
        d.Number(0x0028, 0x0002, 1);
        d.Text(0x0028, 0x0004, "CS", "MONOCHROME2");
        d.Number(0x0028, 0x0010, 2);
        d.Number(0x0028, 0x0011, 2);
        d.Decimals(0x0028, 0x0030, 1, 1);
        d.Number(0x0028, 0x0100, 16);
        d.Number(0x0028, 0x0101, 16);
        d.Number(0x0028, 0x0102, 15);
        d.Number(0x0028, 0x0103, 0);
        d.Number(0x0028, 0x0120, slope > 0 ? 2 : 1);
        d.Number(0x0028, 0x0121, slope > 0 ? 0 : 3);
        d.Decimals(0x0028, 0x1052, -1024);
        d.Decimals(0x0028, 0x1053, slope);
        d.Bytes(0x7FE0, 0x0010, "OW", slope > 0 ? [0, 0, 2, 0, 4, 0, 0x32, 4] : [1, 0, 3, 0, 0, 0, 0x2E, 4], 0);
        DicomElementWriter.WriteFile(folder.File("a.dcm"), "1.2.840.10008.5.1.4.1.1.2", "1.2.4", d);

        Assert.Equal(expected, DicomSeries.Read(folder.Path).Voxels);
    }

    /// <summary>Heights alone do not place a slice: one moved in its plane, or a second slab beside the first, is no neighbour and no time point.</summary>
    [Theory]
    [InlineData(1, 2, @"1\.dcm lies 50\.00 mm beside the line of the others")]
    [InlineData(3, 4, @"1\.dcm and 3\.dcm at the same position")]
    public void A_slice_that_lies_beside_the_others_is_a_problem(int firstShifted, int end, string message)
    {
        using var folder = new TemporaryFolder();
        for (var n = 0; n < Math.Max(3, end); n++)
        {
            var isShifted = n >= firstShifted && n < end;
            var height = n < 3 ? 2 * n : 2; // the fourth lies at the height of the second
            var slice = new Volume(new(new(4, 4, 1), Affine.Scaling(new(1, 1, 2)) with { Origin = new(0, isShifted ? 50 : 0, height) }), new float[16]);
            DicomSeriesWriter.Write(folder.File($"{n}"), slice, Info());
            File.Move(folder.File($"{n}/0001.dcm"), folder.File($"{n}.dcm"));
        }

        Assert.Matches(message, Assert.Throws<InvalidImageFileException>(() => DicomSeries.Read(folder.Path)).Message);
    }

    [Fact]
    public void Two_slabs_side_by_side_are_not_two_time_points()
    {
        using var folder = new TemporaryFolder();
        foreach (var (y, slab) in new[] { (0, "a"), (80, "b") })
        {
            DicomSeriesWriter.Write(folder.File(slab), new(new(new(4, 4, 3), Affine.Scaling(new(1, 1, 2)) with { Origin = new(0, y, 0) }), new float[48]), Info());
        }

        var stack = DicomSeries.Scan(folder.Path)[0].Stacks[0];
        Assert.Contains("lies 80.00 mm beside the line of the others", Assert.Single(stack.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_noted_with_the_series_of_its_folder()
    {
        using var folder = new TemporaryFolder();
        DicomSeriesWriter.Write(folder.Path, Oblique(v => v), Info());
        File.WriteAllBytes(folder.File("0005.dcm"), File.ReadAllBytes(folder.File("0005.dcm"))[..400]);

        Assert.Contains("0005.dcm", Assert.Single(Assert.Single(DicomSeries.Scan(folder.Path)).Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_repeated_and_foreign_slices_are_named()
    {
        using var folder = new TemporaryFolder();
        string Message() => Assert.ThrowsAny<MedicalImageException>(() => DicomSeries.Read(folder.Path)).Message.Replace(folder.Path, "scan", StringComparison.Ordinal);
        Assert.Equal("scan: no DICOM image; expected a folder with the files of one series. Check the path; sub-folders are not searched.", Message());

        DicomSeriesWriter.Write(folder.Path, new(new(new(4, 4, 5), Affine.Scaling(new(1, 1, 2))), new float[80]), Info());
        Directory.CreateDirectory(folder.File("aside"));
        File.Move(folder.File("0003.dcm"), folder.File("aside/3.dcm"));
        Assert.Equal("scan: steps from 2.00 to 4.00 mm where 2.00 is usual, for example 4.00 mm after 0002.dcm: a slice is missing, or the step varies; "
            + $"expected one slice at each position, in equal steps along the normal. {Remedy}", Message());

        File.Copy(folder.File("aside/3.dcm"), folder.File("0003.dcm"));
        File.Copy(folder.File("aside/3.dcm"), folder.File("twin.dcm"));
        ChangeInstance(folder.File("twin.dcm"));
        Assert.Equal($"scan: 4 positions have 1 slice, 1 has 2: 0003.dcm and twin.dcm at the same position (0.000 mm apart); expected one slice at each position, in equal steps along the normal. {Remedy}", Message());

        File.Delete(folder.File("twin.dcm"));
        DicomSeriesWriter.Write(folder.File("other"), new(new(new(4, 4, 1), Affine.Identity), new float[16]), Info() with { UidSeed = "other", Description = "T1" });
        File.Move(folder.File("other/0001.dcm"), folder.File("t1.dcm"));
        Assert.StartsWith("scan: 2 series: \"FLAIR\" with 5 files, \"T1\" with 1 file; expected one series.", Message(), StringComparison.Ordinal);
    }

    /// <summary>A study exported twice into one folder is one volume, and the second files are named; the same UID at another place is no copy.</summary>
    [Fact]
    public void The_same_instance_twice_is_a_copy()
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique(v => v * 7 % 4096);
        DicomSeriesWriter.Write(folder.File("a"), volume, Info());
        DicomSeriesWriter.Write(folder.File("b"), volume, Info());
        File.Delete(folder.File("b/0002.dcm"));

        var series = Assert.Single(DicomSeries.Scan(folder.Path));
        Assert.Equal(["b/0001.dcm is the same instance as a/0001.dcm and is left out", "b/0003.dcm is the same instance as a/0003.dcm and is left out"], series.Copies.Take(2));
        Assert.Equal((4, 5, 1), (series.Copies.Count, series.Files.Count, series.Stacks[0].TimePoints));
        Assert.Empty(series.Stacks[0].Problems);
        Assert.Equal(volume.Voxels, series.Read().Voxels);

        // A repeat has a UID of its own.
        foreach (var file in Directory.GetFiles(folder.File("b")))
        {
            ChangeInstance(file);
        }

        File.Copy(folder.File("a/0002.dcm"), folder.File("b/0002.dcm"));
        ChangeInstance(folder.File("b/0002.dcm"));
        Assert.Equal((0, 2), (DicomSeries.Scan(folder.Path)[0].Copies.Count, DicomSeries.Scan(folder.Path)[0].Stacks[0].TimePoints));
    }

    /// <summary>Cosines that differ in their last digits belong together wherever they lie: also at the edge of any rounding.</summary>
    [Fact]
    public void Rounding_of_cosines_does_not_split_a_stack() =>
        Gen.Select(Gen.Double[0, 0.02], Gen.Double[-2e-6, 2e-6].Array[4]).Sample((angle, noise) =>
        {
            using var folder = new TemporaryFolder();
            for (var k = 0; k < noise.Length; k++)
            {
                var (sine, cosine) = Math.SinCos(angle + noise[k]);
                var affine = new Affine(new(cosine, sine, 0), new(-sine, cosine, 0), new(0, 0, 2), new(0, 0, 2 * k));
                DicomSeriesWriter.Write(folder.File($"{k}"), new(new(new(4, 4, 1), affine), new float[16]), Info());
                ChangeInstance(folder.File($"{k}/0001.dcm"), (char)('1' + k));
            }

            Assert.Equal(new Size3(4, 4, 4), Assert.Single(DicomSeries.Scan(folder.Path)[0].Stacks).Geometry.Size);
        }, iter: 100, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Damage_of_any_kind_is_a_MedicalImageException()
    {
        using var folder = new TemporaryFolder();
        DicomSeriesWriter.Write(folder.Path, new(new(new(4, 4, 1), Affine.Identity), new float[16]), Info());
        var path = folder.File("0001.dcm");
        var whole = File.ReadAllBytes(path);
        Gen.Select(Gen.Int[128, whole.Length - 1].Array[1, 3], Gen.Byte, Gen.Int[0, whole.Length], Gen.Bool).Sample((at, value, length, isCut) =>
        {
            var bytes = (byte[])whole.Clone();
            foreach (var position in at)
            {
                bytes[position] = value;
            }

            File.WriteAllBytes(path, isCut ? bytes[..length] : bytes);
            try
            {
                Assert.True(DicomSeries.Read(folder.Path).Geometry.Size.Count > 0);
            }
            catch (MedicalImageException e)
            {
                Assert.StartsWith(folder.Path, e.Message, StringComparison.Ordinal);
            }
        }, iter: 20_000, seed: "0N0XIzNsQ0O2", threads: 1);
    }

    /// <summary>Voxels equal and places within 1e-3 mm, whatever the order of the axes.</summary>
    private static void AssertAsDcm2niix(string series, TemporaryFolder folder)
    {
        Directory.CreateDirectory(folder.File("out"));
        Shared.Run("dcm2niix", "dcm2niix", "-b", "n", "-z", "n", "-f", "reference", "-o", folder.File("out"), series);
        var reference = Orientation.ToCanonical(NiftiFile.Read(Assert.Single(Directory.GetFiles(folder.File("out"), "*.nii"))));
        var ours = Orientation.ToCanonical(DicomSeries.Read(series));

        Assert.Equal(reference.Voxels, ours.Voxels);
        Assert.True(reference.Geometry.IsSameGrid(ours.Geometry, 1e-3), $"{series}: {reference.Geometry.CornerDistance(ours.Geometry)} mm");
    }

    /// <summary>Gives a file another SOPInstanceUID.</summary>
    private static void ChangeInstance(string path, char last = '7')
    {
        var bytes = File.ReadAllBytes(path);
        var at = bytes.AsSpan().IndexOf((byte[])[8, 0, 0x18, 0, (byte)'U', (byte)'I']);
        var end = at + 8 + bytes[at + 6] - 1;
        end -= bytes[end] == 0 ? 1 : 0;
        bytes[end] = bytes[end] == (byte)last ? (byte)'0' : (byte)last;
        File.WriteAllBytes(path, bytes);
    }

    private const string Remedy = "Complete the series, split repeated acquisitions into folders of their own, or resample it: `credence-infer convert --resample`.";

    private static DicomSeriesInfo Info() => new() { UidSeed = "test", Patient = "phantom", Description = "FLAIR" };

    private static Volume Oblique(Func<int, float> voxel)
    {
        var (sine, cosine) = Math.SinCos(0.3);
        var affine = new Affine(new(-1.25 * cosine, -1.25 * sine, 0), new(0, 0, -0.75), new(3.5 * sine, -3.5 * cosine, 0), new(5, 6, 7));
        return new(new(new(5, 4, 5), affine), [.. Enumerable.Range(0, 100).Select(voxel)]);
    }
}
