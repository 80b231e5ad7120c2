using System.IO.Compression;
using System.Text.RegularExpressions;
using CsCheck;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

/// <summary>The golden files were made by nibabel; see Golden/make_golden.py.</summary>
public sealed class NiftiFileTests
{
    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    [Theory]
    [InlineData("uint8.nii", 256)]
    [InlineData("int16.nii.gz", 256)]
    [InlineData("int32.nii", 256)]
    [InlineData("float32.nii", 256)]
    [InlineData("float64.nii", 256)]
    [InlineData("int8.nii", 100)]
    [InlineData("uint16.nii", 256)]
    [InlineData("uint32.nii", 256)]
    [InlineData("int64.nii", 256)]
    [InlineData("uint64.nii", 256)]
    [InlineData("big_endian.nii", 256)]
    public void Every_data_type_reads_as_nibabel_wrote_it(string name, int modulus)
    {
        var volume = NiftiFile.Read(Golden(name));

        Assert.Equal(new Size3(4, 3, 2), volume.Geometry.Size);
        for (var v = 0; v < 24; v++)
        {
            var (i, j, k) = volume.Geometry.IndexOf(v);
            Assert.Equal((i + 10 * j + 100 * k) % modulus, volume.Voxels[v]);
        }
    }

    [Fact]
    public void Slope_and_intercept_are_applied() => Assert.Equal(0.5f * (3 + 20 + 100) - 7, NiftiFile.Read(Golden("scaled.nii"))[3, 2, 1]);

    [Theory]
    [InlineData("sform_only.nii")]
    [InlineData("qform_only.nii")]
    [InlineData("float32.nii")]
    public void Either_form_gives_the_affine(string name)
    {
        var affine = NiftiFile.Read(Golden(name)).Geometry.Affine;
        var (sine, cosine) = Math.SinCos(20 * Math.PI / 180);

        AssertNear(new(-1.5 * cosine, -1.5 * sine, 0), affine.ColumnI);
        AssertNear(new(-2 * sine, 2 * cosine, 0), affine.ColumnJ);
        AssertNear(new(0, 0, 3), affine.ColumnK);
        AssertNear(new(10, -20, 30), affine.Origin);
    }

    [Fact]
    public void Without_a_form_only_the_spacing_is_known() =>
        Assert.Equal(Affine.Scaling(new(1.5, 2, 3)), NiftiFile.Read(Golden("no_form.nii")).Geometry.Affine);

    [Theory]
    [InlineData(NiftiDataType.UInt8, "a.nii")]
    [InlineData(NiftiDataType.Int16, "a.nii.gz")]
    [InlineData(NiftiDataType.Int32, "a.nii")]
    [InlineData(NiftiDataType.Float32, "a.nii.gz")]
    [InlineData(NiftiDataType.Float64, "a.nii")]
    public void What_is_written_is_read_back(NiftiDataType dataType, string name)
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique();
        NiftiFile.Write(folder.File(name), volume, dataType);
        var read = NiftiFile.Read(folder.File(name));

        Assert.Equal(volume.Voxels, read.Voxels);
        Assert.True(read.Geometry.IsSameGrid(volume.Geometry, 1e-3));
    }

    [Fact]
    public void Values_that_do_not_fit_an_integer_are_scaled_to_within_half_a_step()
    {
        using var folder = new TemporaryFolder();
        var volume = new Volume(new(new(3, 1, 1), Affine.Identity), [-1.25f, 0.5f, 70_000f]);
        NiftiFile.Write(folder.File("a.nii"), volume, NiftiDataType.Int16);

        var read = NiftiFile.Read(folder.File("a.nii"));
        Assert.All(volume.Voxels.Zip(read.Voxels), p => Assert.Equal(p.First, p.Second, tolerance: 70_001f / 65535 / 2 * 1.01f));
    }

    [Theory]
    [InlineData(NiftiDataType.Int16, 0, -32768, 32767)]
    [InlineData(NiftiDataType.Float32, 0, 1, 32768)]
    [InlineData(NiftiDataType.Float32, 0, 0.5, 1)]
    [InlineData(NiftiDataType.Float32, 0, double.NaN, 1)]
    [InlineData(NiftiDataType.Float32, double.NegativeInfinity, 1, 1)]
    public void The_exact_type_loses_nothing(NiftiDataType expected, double a, double b, double c)
    {
        // In every place of a vector, and behind the last whole one.
        for (var length = 3; length < 40; length++)
        {
            for (var at = 0; at + 2 < length; at++)
            {
                var voxels = Enumerable.Repeat(7f, length).ToArray();
                (voxels[at], voxels[at + 1], voxels[at + 2]) = ((float)a, (float)b, (float)c);
                Assert.Equal(expected, NiftiFile.ExactType(new(new(new(length, 1, 1), Affine.Identity), voxels)));
            }
        }
    }

    [Fact]
    public void Nibabel_reads_what_we_write()
    {
        using var folder = new TemporaryFolder();
        var volume = Oblique();
        NiftiFile.Write(folder.File("a.nii.gz"), volume, NiftiDataType.Int16);
        var output = Shared.Run("python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, numpy
            image = nibabel.load(r'{{folder.File("a.nii.gz")}}')
            print(image.shape, image.get_data_dtype(), int(image.get_fdata().sum()), int(image.header['qform_code']), float(abs(image.get_qform() - image.get_sform()).max()) < 1e-4)
            print(*['%.4f' % x for x in image.affine.ravel()])
            """);

        var a = volume.Geometry.Affine;
        double[] rows = [a.ColumnI.X, a.ColumnJ.X, a.ColumnK.X, a.Origin.X, a.ColumnI.Y, a.ColumnJ.Y, a.ColumnK.Y, a.Origin.Y, a.ColumnI.Z, a.ColumnJ.Z, a.ColumnK.Z, a.Origin.Z];
        Assert.StartsWith($"(5, 4, 3) int16 {(int)volume.Voxels.Sum()} 1 True", output, StringComparison.Ordinal);
        var printed = output.Split('\n')[1].Split(' ').Select(t => double.Parse(t, System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.All(rows.Zip(printed), p => Assert.Equal(p.First, p.Second, tolerance: 1e-3));
    }

    [Fact]
    public void Shapes_of_damage_have_their_messages()
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Golden("float32.nii"));
        string Message(string name, byte[] bytes)
        {
            File.WriteAllBytes(folder.File(name), bytes);
            return Assert.ThrowsAny<MedicalImageException>(() => NiftiFile.Read(folder.File(name))).Message.Replace(folder.File(name), name, StringComparison.Ordinal);
        }

        Assert.Equal("a.nii: 10 bytes; expected a NIfTI header of 348 or 540 bytes. Check that this is a NIfTI file and copy it again.", Message("a.nii", whole[..10]));
        Assert.Equal("a.nii: 40 bytes of voxels at most; expected 4 x 3 x 2 voxels of Float32 = 96 bytes. The file is cut short; copy it again.", Message("a.nii", whole[..392]));

        var magic = (byte[])whole.Clone();
        magic[344] = (byte)'x';
        Assert.Equal("a.nii: sizeof_hdr 348 and magic \"x+1.\"; expected magic \"n+1\" or \"ni1\". Check that this is a NIfTI file; an Analyze 7.5 file does not say which side is left, convert it where that is known.", Message("a.nii", magic));

        var empty = (byte[])whole.Clone();
        empty[46] = 0;
        Assert.Equal("a.nii: dim 3: 4 x 3 x 0; expected 3 dimensions of at least 1 voxel each. Check that this is a NIfTI file and copy it again.", Message("a.nii", empty));

        var rgb = (byte[])whole.Clone();
        rgb[70] = 128;
        Assert.Equal("a.nii: voxels of type Rgb24, which hold several numbers; expected one number a voxel. Choose one: `credence-infer convert --component` real, imaginary, red, green or blue.", Message("a.nii", rgb));

        rgb[71] = 6; // float128
        rgb[70] = 0;
        Assert.StartsWith("a.nii: datatype 1536; expected one of UInt8, Int16", Message("a.nii", rgb), StringComparison.Ordinal);

        var compressed = Compress(whole);
        Assert.StartsWith("a.nii.gz: ", Message("a.nii.gz", compressed[..(compressed.Length / 2)]), StringComparison.Ordinal);

        compressed[40] ^= 0xff; // inside the deflated data
        Assert.StartsWith("a.nii.gz: ", Message("a.nii.gz", compressed), StringComparison.Ordinal);
    }

    [Fact]
    public void A_mask_holds_whole_numbers_only()
    {
        using var folder = new TemporaryFolder();
        NiftiFile.Write(folder.File("p.nii"), new Volume(new(new(2, 2, 1), Affine.Identity), [0, 1, 0.4f, 1]));

        var e = Assert.Throws<InvalidImageFileException>(() => NiftiFile.ReadLabels(folder.File("p.nii")));
        Assert.Equal($"{folder.File("p.nii")}: value 0.4 at voxel (0, 1, 0); expected whole numbers from 0 to 255. This is not a mask; threshold a probability map before using it as one.", e.Message);
    }

    [Fact]
    public void A_lying_header_costs_no_memory()
    {
        using var folder = new TemporaryFolder();
        var lying = File.ReadAllBytes(Golden("float32.nii"));
        (lying[42], lying[43], lying[44], lying[45]) = (0xff, 0x7f, 0xff, 0x7f); // 32767 x 32767 x 2 voxels
        File.WriteAllBytes(folder.File("a.nii"), lying);
        File.WriteAllBytes(folder.File("a.nii.gz"), Compress(lying));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidImageFileException>(() => NiftiFile.Read(folder.File("a.nii")));
        Assert.Throws<InvalidImageFileException>(() => NiftiFile.Read(folder.File("a.nii.gz")));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4_000_000);
    }

    /// <summary>A gzip file can hold 1032 times its length, so only inflation tells; large volumes are inflated once without keeping them.</summary>
    [Fact]
    public void A_lying_size_of_a_gzip_file_costs_no_memory()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.nii.gz");
        var noise = new byte[1 << 19];
        new Random(1).NextBytes(noise);
        NiftiFile.Write(path, new(new(new(512, 512, 1), Affine.Identity), [.. noise.Take(512 * 512).Select(b => (float)b)]), NiftiDataType.UInt8);
        var bytes = Inflate(File.ReadAllBytes(path));
        BitConverter.GetBytes((short)900).CopyTo(bytes, 46); // dim[3]
        File.WriteAllBytes(path, Compress(bytes));

        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Contains("262144 bytes of voxels at most; expected 512 x 512 x 900 voxels", Assert.Throws<InvalidImageFileException>(() => NiftiFile.Read(path)).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4_000_000);
    }

    /// <summary>Reading takes the voxels and little more; so does reading a mask that gzip shrinks a thousandfold, and writing takes nothing.</summary>
    [Fact]
    public void Reading_and_writing_allocate_less_than_twice_the_volume()
    {
        using var folder = new TemporaryFolder();
        var volume = new Volume(new(new(512, 512, 80), Affine.Identity), new float[512 * 512 * 80]); // 80 MiB, beyond what is trusted of a gzip file
        volume.Voxels[^1] = 7;
        var (path, bytes) = (folder.File("a.nii.gz"), 4L * volume.Voxels.Length);
        long Allocated(Action work)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.InRange(Allocated(() => NiftiFile.Write(path, volume)), 0, bytes / 10);
        Assert.InRange(Allocated(() => Assert.Equal(7, NiftiFile.Read(path).Voxels[^1])), bytes, bytes + bytes / 10);
        Assert.InRange(Allocated(() => NiftiFile.Copy(path, folder.File("b.nii"))), 0, bytes / 10);
        Assert.Equal(bytes + 352, new FileInfo(folder.File("b.nii")).Length);
    }

    /// <summary>Axes that are nearly parallel need a grid without end to be straightened.</summary>
    [Fact]
    public void Straightening_does_not_make_a_small_file_large()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("a.nii");
        NiftiFile.Write(path, new(new(new(100, 100, 100), Affine.Identity), new float[1_000_000]), NiftiDataType.UInt8);
        var bytes = File.ReadAllBytes(path);
        BitConverter.GetBytes(1000f).CopyTo(bytes, 284); // srow_x[1]: j runs along i, in steps of 1 m
        File.WriteAllBytes(path, bytes);

        Assert.Contains("axes so sheared that 100 x 100 x 100 voxels need more than 4000000 on an orthogonal grid",
            Assert.Throws<InvalidImageFileException>(() => NiftiFile.Read(path, new() { Resample = true })).Message, StringComparison.Ordinal);
    }

    /// <summary>A header that sizes nothing right, cut files, and both parts of a pair; of gzip the damage lies before the compression, so that it reaches the header, or behind it.</summary>
    [Theory]
    [InlineData("a.nii", 1)]
    [InlineData("a.nii", 2)]
    [InlineData("a.nii.gz", 1)]
    [InlineData("a.hdr", 1)]
    public void Damage_of_any_kind_is_a_MedicalImageException(string name, int version)
    {
        using var folder = new TemporaryFolder();
        var whole = File.ReadAllBytes(Golden("float32.nii"));
        if (version == 2)
        {
            NiftiFile.Write(folder.File("long.nii"), new(new(new(40_000, 1, 1), Affine.Identity), new float[40_000]), NiftiDataType.UInt8);
            whole = File.ReadAllBytes(folder.File("long.nii"));
        }
        else if (name == "a.hdr")
        {
            (whole[345], whole[108], whole[109], whole[110], whole[111]) = ((byte)'i', 0, 0, 0, 0); // magic "ni1", and voxels from byte 0 on
        }

        var (path, isPair, isCompressed) = (folder.File(name), name == "a.hdr", name == "a.nii.gz");
        var damaged = Math.Min(whole.Length, 700); // of a long file the header and the first voxels
        Gen.Select(Gen.Int[0, damaged - 1].Array[1, 4], Gen.Byte, Gen.Int[0, damaged], Gen.Bool, Gen.Bool).Sample((at, value, length, isCut, isBehind) =>
        {
            var bytes = isCompressed && isBehind ? Compress(whole) : (byte[])whole.Clone();
            foreach (var position in at)
            {
                bytes[position % bytes.Length] = value;
            }

            bytes = isCut ? bytes[..Math.Min(length, bytes.Length)] : bytes;
            File.WriteAllBytes(path, isPair ? bytes[..Math.Min(352, bytes.Length)] : isCompressed && !isBehind ? Compress(bytes) : bytes);
            if (isPair)
            {
                File.WriteAllBytes(folder.File("a.img"), bytes[Math.Min(352, bytes.Length)..]);
            }

            try
            {
                var volume = NiftiFile.Read(path, new() { Volume = 0, Resample = isBehind });
                Assert.Equal(volume.Geometry.Size.Count, volume.Voxels.Length);
            }
            catch (MedicalImageException e)
            {
                Assert.Matches($"^({Regex.Escape(path)}{(isPair ? $"|{Regex.Escape(folder.File("a.img"))}" : "")}): ", e.Message);
            }
        }, iter: 20_000, seed: "0N0XIzNsQ0O2", threads: 1);
    }

    private static Volume Oblique()
    {
        var (sine, cosine) = Math.SinCos(0.3);
        var affine = new Affine(new(-1.1 * cosine, -1.1 * sine, 0), new(0, 0, -2.2), new(3.3 * sine, -3.3 * cosine, 0), new(5, 6, 7));
        return new(new(new(5, 4, 3), affine), [.. Enumerable.Range(0, 60).Select(v => (float)(v * 3 % 250))]);
    }

    private static byte[] Inflate(byte[] bytes)
    {
        using var stream = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress);
        using var whole = new MemoryStream();
        stream.CopyTo(whole);
        return whole.ToArray();
    }

    private static byte[] Compress(byte[] bytes)
    {
        using var stream = new MemoryStream();
        using (var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return stream.ToArray();
    }

    /// <summary>A pair whose voxels do not inflate leaves no file open behind it.</summary>
    [Fact]
    public void A_damaged_pair_is_closed()
    {
        using var folder = new TemporaryFolder();
        NiftiFile.Write(folder.File("a.nii"), new Volume(new(new(2, 2, 2), Affine.Identity), new float[8]));
        var header = File.ReadAllBytes(folder.File("a.nii"))[..348];
        header[345] = (byte)'i';
        BitConverter.GetBytes(16f).CopyTo(header, 108); // vox_offset
        File.WriteAllBytes(folder.File("a.hdr"), header);
        File.WriteAllBytes(folder.File("a.img.gz"), [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF]);

        Assert.Throws<InvalidImageFileException>(() => NiftiFile.Read(folder.File("a.hdr")));
        foreach (var name in new[] { "a.hdr", "a.img.gz" })
        {
            using var alone = new FileStream(folder.File(name), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        }
    }

    private static void AssertNear(Vector3D expected, Vector3D found) =>
        // A float32 quaternion near a half turn holds angles to about 1e-3 only; nibabel reads the same numbers.
        Assert.True((expected - found).Length < 2e-3, $"{found}, expected {expected}");
}
