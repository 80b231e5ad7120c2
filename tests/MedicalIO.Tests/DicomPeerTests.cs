using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Codecs;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

/// <summary>Real files, read by us and by software that we did not write.</summary>
public sealed class DicomPeerTests
{
    /// <summary>Oracle: dcm2niix on the whole tree. Every volume that it writes is one of ours: voxels equal, corners within 1e-3 mm.</summary>
    [Theory]
    [InlineData("dcm_qa_nih/In/20180918GE", 40)]
    [InlineData("dcm_qa_nih/In/20180918Si", 8)]
    [InlineData("dcm_qa_enh/In/Siemens", 4)]
    [InlineData("dcm_qa_enh/In/Philips", 2)]
    [InlineData("dcm_qa_ts/In", 1)]
    [InlineData("seg_dcmqi/data/segmentations/23x38x3/multiframe", 1)]
    [InlineData("seg_dcmqi/data/segmentations/24x38x3/multiframe", 1)]
    public void Series_come_out_as_dcm2niix_makes_them(string root, int volumes)
    {
        var path = Shared.Folder($"data/dicom/{root}");
        using var folder = new TemporaryFolder();
        Shared.Run("dcm2niix", "dcm2niix", "-b", "n", "-z", "n", "-p", "n", "-f", "%s_%e_%p", "-o", folder.Path, path);
        var ours = DicomSeries.Scan(path).SelectMany(s => s.Stacks).SelectMany(s => Enumerable.Range(0, s.TimePoints).Select(t => ReadOrSkip(() => Orientation.ToCanonical(s.Read(t))))).ToList();

        var found = 0;
        foreach (var file in Directory.GetFiles(folder.Path, "*.nii"))
        {
            foreach (var reference in NiftiFile.ReadAll(file).Select(Orientation.ToCanonical))
            {
                Assert.True(ours.Exists(o => o.Geometry.IsSameGrid(reference.Geometry, 1e-3) && IsEqual(o.Voxels, reference.Voxels)), $"{Path.GetFileName(file)} is none of ours");
                found++;
            }
        }

        Assert.True(found >= volumes, $"{found} volumes");
    }

    /// <summary>Oracle: dcm2niix's own correction of gantry tilt. Of the series the slices in equal steps: it also writes an affine for uneven ones, whose axes are not orthogonal.</summary>
    [Fact]
    public void A_tilted_CT_is_straightened_as_dcm2niix_does_it()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("in"));
        foreach (var file in Directory.GetFiles(Shared.Folder("data/dicom/ct_gantry_tilt_ge"), "*.dcm").Order(StringComparer.Ordinal).Take(14))
        {
            File.Copy(file, folder.File($"in/{Path.GetFileName(file)}"));
        }

        Shared.Run("dcm2niix", "dcm2niix", "-b", "n", "-z", "n", "-f", "scan", "-o", folder.Path, folder.File("in"));
        var reference = Orientation.ToCanonical(NiftiFile.Read(folder.File("scan_Tilt_1.nii")));
        var ours = Orientation.ToCanonical(DicomSeries.Read(folder.File("in"), resample: true));

        Assert.True(reference.Geometry.IsSameGrid(ours.Geometry, 1e-3), $"{reference.Geometry.CornerDistance(ours.Geometry)} mm");

        // Its voxels are rounded to whole numbers, and it keeps the padding of -1500 beyond the field of view, which we replace before interpolating.
        var inside = reference.Voxels.Zip(ours.Voxels).Where(p => p.First > -1000 && p.Second > -1000).Select(p => Math.Abs(p.First - p.Second)).ToList();
        Assert.True(inside.Count > 1_500_000, $"{inside.Count} voxels");
        Assert.InRange(inside.Count(d => d > 0.51) / (double)inside.Count, 0, 1e-3);
    }

    /// <summary>What convert writes is what the reader understands: stored values with their line are the measured ones.</summary>
    [Theory]
    [InlineData("dcm_qa_nih/In/20180918GE")]
    [InlineData("dcm_qa_enh/In")]
    [InlineData("dcm_qa_ts/In")]
    public void Stored_volumes_measure_the_same(string root)
    {
        var stacks = DicomSeries.Scan(Shared.Folder($"data/dicom/{root}")).SelectMany(s => s.Stacks).ToList();
        var compared = 0;
        foreach (var stack in stacks)
        {
            if (ReadOrSkip(() => stack.ReadStored()) is not { } stored)
            {
                continue;
            }

            var measured = stack.Read();
            Assert.Equal(measured.Voxels, stored.Words.Select(w => (float)((stored.IsSigned ? w : (ushort)w) * stored.Slope + stored.Intercept)));
            Assert.Equal(measured.Geometry, stored.Geometry);
            compared++;
        }

        Assert.True(compared > 0, $"{stacks.Count} stacks, none stored");
    }

    /// <summary>The same image in nine transfer syntaxes decodes to the same voxels.</summary>
    [Fact]
    public void Transfer_syntaxes_do_not_change_voxels()
    {
        var files = Directory.GetFiles(Shared.Folder("data/dicom/dcm_qa_ts/In"), "*.dcm").Order(StringComparer.Ordinal).ToList();
        var volumes = files.ConvertAll(f => ReadOrSkip(() => DicomSeries.Read(f)));

        Assert.Equal(9, volumes.Count);
        Assert.All(volumes, v => Assert.Equal(volumes[0].Voxels, v.Voxels));
    }

    /// <summary>
    /// Oracle: pydicom, after gdcmconv --raw where the pixels are compressed; see Golden/stored_values.py. Each file is either read by both with
    /// equal stored values, or refused by us with our own exception.
    /// </summary>
    [Fact]
    public void Stored_values_are_those_of_pydicom_and_GDCM()
    {
        var root = Shared.Folder("data/dicom/pydicom_testfiles");
        using var folder = new TemporaryFolder();
        Shared.Run("libgdcm-tools", "gdcmconv", "--version");
        var output = Shared.Run("python3-pydicom", Shared.Python, Path.Combine(AppContext.BaseDirectory, "Golden", "stored_values.py"), root, folder.Path);

        var (equal, refused, wrong) = (0, new List<string>(), new List<string>());
        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(l => l.StartsWith("FILE\t", StringComparison.Ordinal)))
        {
            var (path, values) = (line.Split('\t')[1], line.Split('\t')[2]);
            try
            {
                var image = DicomImage.Read(path);
                var stored = new int[image.Format.Count];
                var expected = File.ReadAllBytes(values);
                var all = new byte[(long)stored.Length * 4 * image.FrameCount];
                for (var frame = 0; frame < image.FrameCount; frame++)
                {
                    image.CopyStored(frame, stored);
                    System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(stored).CopyTo(all.AsSpan(frame * 4 * stored.Length));
                }

                if (all.AsSpan().SequenceEqual(expected))
                {
                    equal++;
                }
                else
                {
                    wrong.Add(path);
                }
            }
            catch (UnsupportedImageException e)
            {
                Assert.SkipWhen(e.Message.Contains("apt-get install", StringComparison.Ordinal), e.Message);
                refused.Add(e.Message);
            }
        }

        Assert.True(wrong.Count == 0, $"{wrong.Count} of {equal + wrong.Count} differ:\n{string.Join('\n', wrong)}");
        Assert.True(equal >= 90, $"{equal} equal");
        Assert.All(refused, m => Assert.Matches("64 bits|transfer syntax|unsigned pixels of 32 bits above", m));

        // What pydicom and its helpers cannot read is no oracle; each by name, so that none is left out unseen.
        Assert.Equal(
            [
                "JPEG2000-embedded-sequence-delimiter.dcm: gdcmconv does not decode JPEG 2000 Image Compression",
                "MR_truncated.dcm: pydicom: ValueError",
                "badVR.dcm: pydicom: TypeError",
                "meta_missing_tsyntax.dcm: pydicom: AttributeError",
                "nested_priv_SQ.dcm: pydicom: AttributeError",
            ],
            output.Split('\n').Where(l => l.StartsWith("LEFT\t", StringComparison.Ordinal)).Select(l => $"{Path.GetFileName(l.Split('\t')[1])}: {l.Split('\t')[2].Trim()}").Order(StringComparer.Ordinal));
    }

    /// <summary>Without preamble and meta information only the first element tells the order of the bytes.</summary>
    [Fact]
    public void A_big_endian_file_is_read_without_its_preamble()
    {
        var bytes = File.ReadAllBytes(Path.Combine(Shared.Folder("data/dicom/pydicom_testfiles"), "test_files/MR_small_bigendian.dcm"));
        var start = 144 + BitConverter.ToInt32(bytes, 140); // preamble, mark, and the group length of the meta information
        var (whole, bare) = (DicomFile.Parse("a.dcm", bytes, isHeaderOnly: false), DicomFile.Parse("b.dcm", bytes.AsMemory(start), isHeaderOnly: false));
        Assert.True(bare.Syntax.IsBigEndian);
        Assert.True(DicomFile.IsDicom(bytes.AsSpan(start)));
        Assert.Equal(Values(whole), Values(bare));

        static int[] Values(DicomDataset dataset)
        {
            var image = DicomImage.From(dataset);
            var values = new int[image.Format.Count];
            image.CopyStored(0, values);
            return values;
        }
    }

    /// <summary>Oracle: dcmtk encodes one image in each way it knows, and decodes it again.</summary>
    [Theory]
    [InlineData("+el", "+sv", "1")]
    [InlineData("+el", "+sv", "2")]
    [InlineData("+el", "+sv", "3")]
    [InlineData("+el", "+sv", "4")]
    [InlineData("+el", "+sv", "5")]
    [InlineData("+el", "+sv", "6")]
    [InlineData("+el", "+sv", "7")]
    [InlineData("+ee", "+q", "85")]
    [InlineData("+eb", "+q", "90")]
    public void Jpeg_decodes_as_dcmtk_decodes_it(params string[] encoding) => AssertAsDcmtk(Path.Combine(Shared.Folder("data/dicom/dcm_qa_ts/In"), "1.dcm"), encoding);

    /// <summary>A scan that ends early has no pixels for the rest of the image: they must not be made up.</summary>
    [Theory]
    [InlineData("+el")]
    [InlineData("+ee")]
    [InlineData("+eb")]
    public void A_JPEG_scan_that_is_cut_is_refused(string encoding)
    {
        using var folder = new TemporaryFolder();
        Shared.Run("dcmtk", "dcmcjpeg", encoding, Path.Combine(Shared.Folder("data/dicom/dcm_qa_ts/In"), "1.dcm"), folder.File("encoded.dcm"));
        var dataset = DicomFile.Read(folder.File("encoded.dcm"));
        var format = DicomImage.From(dataset).Format;
        var frame = dataset.Element(DicomTag.PixelData)!.Fragments![1];
        JpegCodec.Decode("a.dcm", frame.Span, format, new int[format.Count]);
        foreach (var cut in new[] { 6, 60, 600 })
        {
            var e = Assert.Throws<InvalidImageFileException>(() => JpegCodec.Decode("a.dcm", frame.Span[..^cut], format, new int[format.Count]));
            Assert.Matches(@"a scan that ends \d+ bits too early; expected all its pixels\.|bits that are no code", e.Message);
        }
    }

    /// <summary>Oracle: dcmtk. Colour whose components are halved in width, in both, or not, in an image of even and of odd size; left as it is stored (+cn).</summary>
    [Theory]
    [InlineData("examples_rgb_color.dcm", "+eb", "+s2")]
    [InlineData("examples_rgb_color.dcm", "+eb", "+n1")]
    [InlineData("examples_rgb_color.dcm", "+eb", "+np")]
    [InlineData("examples_rgb_color.dcm", "+eb", "+s4")]
    [InlineData("SC_rgb_small_odd.dcm", "+eb", "+s2")]
    [InlineData("SC_rgb_small_odd.dcm", "+eb", "+n1")]
    public void Jpeg_colour_decodes_as_dcmtk_decodes_it(string name, params string[] encoding) =>
        AssertAsDcmtk(Path.Combine(Shared.Folder("data/dicom/pydicom_testfiles"), "test_files", name), encoding);

    private static void AssertAsDcmtk(string source, string[] encoding)
    {
        using var folder = new TemporaryFolder();
        Shared.Run("dcmtk", "dcmcjpeg", [.. encoding, source, folder.File("encoded.dcm")]);
        Shared.Run("dcmtk", "dcmdjpeg", "+cn", folder.File("encoded.dcm"), folder.File("decoded.dcm"));

        Assert.Equal(PixelEncoding.Jpeg, DicomFile.Read(folder.File("encoded.dcm")).Syntax.Pixels);
        Assert.Equal(Stored(folder.File("decoded.dcm")), Stored(folder.File("encoded.dcm")));

        static int[] Stored(string path)
        {
            var image = DicomImage.Read(path);
            var stored = new int[image.Format.Count];
            image.CopyStored(0, stored);
            return stored;
        }
    }

    /// <summary>Damaged and odd files end in our exceptions, or in values.</summary>
    [Fact]
    public void No_file_of_pydicom_breaks_the_reader()
    {
        var (read, refused) = (0, 0);
        foreach (var file in Directory.EnumerateFiles(Shared.Folder("data/dicom/pydicom_testfiles"), "*", SearchOption.AllDirectories))
        {
            try
            {
                var dataset = DicomFile.Read(file);
                if (DicomImage.IsImage(dataset))
                {
                    DicomImage.From(dataset).CopyStored(0, new int[DicomImage.From(dataset).Format.Count]);
                }

                read++;
            }
            catch (MedicalImageException e)
            {
                Assert.StartsWith(file, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.True(read > 100 && refused > 5, $"{read} read, {refused} refused");
    }

    /// <summary>Oracle: pydicom's decoding of PatientName; it drops empty name groups at the end.</summary>
    [Fact]
    public void Names_decode_as_pydicom_decodes_them()
    {
        var root = Shared.Folder("data/dicom/pydicom_testfiles/charset_files");
        var output = Shared.Run("python3-pydicom", Shared.Python, "-c", $$"""
            import pydicom, glob, base64, warnings
            warnings.simplefilter('ignore')
            for f in sorted(glob.glob(r'{{root}}/*.dcm')):
                d = pydicom.dcmread(f)
                d.decode()
                if 'PatientName' in d: print('FILE', f, base64.b64encode(str(d.PatientName).encode('utf-8')).decode())
            """);
        var lines = output.Split('\n').Where(l => l.StartsWith("FILE ", StringComparison.Ordinal)).Select(l => l.Split(' ')).ToList();
        var wrong = lines
            .Select(l => (File: Path.GetFileName(l[1]), Expected: System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(l[2])), Found: DicomFile.Read(l[1]).Text(new(0x0010, 0x0010))?.TrimEnd('=')))
            .Where(n => n.Expected != n.Found).ToList();

        Assert.True(lines.Count > 10, $"{lines.Count} names");
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    private static T ReadOrSkip<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (UnsupportedImageException e) when (e.Message.Contains("apt-get install", StringComparison.Ordinal))
        {
            Assert.Skip(e.Message);
            throw;
        }
    }

    /// <summary>To the rounding of float32 slopes: dcm2niix keeps stored values and a slope, we apply it.</summary>
    private static bool IsEqual(float[] a, float[] b)
    {
        var tolerance = 1e-6 * b.Max(Math.Abs);
        for (var n = 0; n < a.Length; n++)
        {
            if (Math.Abs(a[n] - b[n]) > tolerance)
            {
                return false;
            }
        }

        return true;
    }
}
