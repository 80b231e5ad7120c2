using System.Buffers.Binary;
using System.Text;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Codecs;
using Credence.MedicalIO.Dicom.Results;

namespace Credence.MedicalIO.Tests;

/// <summary>Files that claim too much, and attributes whose reading depends on another attribute.</summary>
public sealed class DicomLimitsTests : IDisposable
{
    private static readonly DicomResultOptions Written = new() { Description = "1", Algorithm = "1", AlgorithmVersion = "1", Created = new(2026, 1, 1, 0, 0, 0) };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>JPEG-LS says "all the same" of any size in a few bytes; a file that lies about its size is refused before it is decoded.</summary>
    [Fact]
    public void A_lying_size_of_compressed_pixels_is_refused_before_they_are_decoded()
    {
        var bytes = File.ReadAllBytes(Path.Combine(Shared.Folder("data/dicom/pydicom_testfiles"), "test_files/MR_small_jpeg_ls_lossless.dcm"));
        foreach (var element in new byte[][] { [0x28, 0, 0x10, 0, (byte)'U', (byte)'S', 2, 0], [0x28, 0, 0x11, 0, (byte)'U', (byte)'S', 2, 0] })
        {
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(bytes.AsSpan().IndexOf(element) + element.Length), 16384);
        }

        var image = DicomImage.From(DicomFile.Parse("a.dcm", bytes, isHeaderOnly: false));
        var e = Assert.Throws<InvalidImageFileException>(() => image.CopyStored(0, []));
        Assert.Matches(@"^a\.dcm: 16384 x 16384 x 1 samples in \d+ bytes; expected at most 1024 a byte, or 4194304 in all\. The file is damaged; copy it again, or decompress it", e.Message);
    }

    /// <summary>A mosaic of 3 slices of 2 x 2 in 2 x 2 tiles: each tile is a slice along the normal, about the centre of the image.</summary>
    [Theory]
    [InlineData(null)] // private creators taken away
    [InlineData(0x10)]
    [InlineData(0x11)]
    public void A_mosaic_is_taken_apart(int? block)
    {
        Mosaic(slices: 3, normal: [0, 0, 1], block);
        var volume = DicomSeries.Read(folder.Path);

        Assert.Equal(new Size3(2, 2, 3), volume.Geometry.Size);
        Assert.Equal([0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13], volume.Voxels);

        // Pixels of 1 mm: the corner of a tile of 2 x 2 lies 1 mm inside the corner of the image of 4 x 4; slices are 5 mm apart.
        Assert.Equal(new Vector3D(-1, -1, 0), volume.Geometry.Affine.Origin);
        Assert.Equal(new Vector3D(0, 0, 5), volume.Geometry.Affine.ColumnK);
    }

    [Theory]
    [InlineData(5, true, "a.dcm: a Siemens mosaic of 4 x 4 pixels and 5 slices; expected tiles that divide the image. Export the series again with its private attributes.")]
    [InlineData(5000, true, "a.dcm: a Siemens mosaic of 4 x 4 pixels and 5000 slices; expected tiles that divide the image. Export the series again with its private attributes.")]
    [InlineData(null, true, "a.dcm: a Siemens mosaic of 4 x 4 pixels and unknown many slices; expected tiles that divide the image. Export the series again with its private attributes.")]
    [InlineData(3, false, "a.dcm: a Siemens mosaic without SliceNormalVector, so that the order of its slices is not known; expected the private attribute (0029,xx10). Export the series again with its private attributes.")]
    public void A_mosaic_that_cannot_be_taken_apart_is_refused(int? slices, bool hasNormal, string message)
    {
        Mosaic(slices, hasNormal ? [0, 0, 1] : null);
        Assert.Equal(message, Assert.ThrowsAny<MedicalImageException>(() => DicomSeries.Read(folder.Path)).Message.Replace(folder.Path + "/", "", StringComparison.Ordinal));
    }

    /// <summary>Frames that a writer left out cost no bytes: two of them far apart must not cost memory.</summary>
    [Theory]
    [InlineData(1, 0.5, 3.5, "a.dcm: frames over 9E+05 mm in steps of 0.5; expected frames of one scan. Export the segmentation on the slices of the scan.")]
    [InlineData(20, 1, 100, @"a.dcm: 20 segments on 4 x 4 x 899903 voxels; expected at most * voxels a segment and * in all for a file of this size. Export fewer segments.")]
    public void A_segmentation_of_a_few_frames_far_apart_is_refused(int segments, double step, double last, string message)
    {
        var grid = new VolumeGeometry(new(4, 4, 3), Affine.Scaling(new(1, 1, step)) with { Origin = new(0, 0, last - 2 * step) });
        DicomSeriesWriter.Write(folder.File("scan"), new(grid, new float[48]), new() { UidSeed = "1", Patient = "1", Description = "1" });
        var source = DicomSource.From(DicomSeries.Scan(folder.File("scan"))[0].Stacks[0]);
        SegmentationWriter.WriteBinary(folder.File("a.dcm"), new(grid, [.. Enumerable.Repeat((byte)1, 48)]), [.. Enumerable.Range(1, segments).Select(s => DicomSegment.Of((byte)s, $"{s}"))], source, Written);
        var bytes = File.ReadAllBytes(folder.File("a.dcm"));
        var text = Encoding.ASCII.GetBytes(FormattableString.Invariant($"\\{last}"));
        "\\9e5"u8.CopyTo(bytes.AsSpan(bytes.AsSpan().LastIndexOf(text)));
        File.WriteAllBytes(folder.File("a.dcm"), bytes);

        var found = Assert.ThrowsAny<MedicalImageException>(() => DicomSegmentation.Read(folder.File("a.dcm"))).Message.Replace(folder.Path + "/", "", StringComparison.Ordinal);
        Assert.Matches($"^{System.Text.RegularExpressions.Regex.Escape(message).Replace(@"\*", @"\d+", StringComparison.Ordinal)}$", found);
    }

    [Theory]
    [InlineData(new[] { 0, 0.02, 100 }, 0, "which take 5000 slices at the smallest step; expected at most 10 slices for each acquired one")]
    [InlineData(new[] { 0.0, 2, 4 }, 20, "and slices shifted by more than three times their width; expected slices that overlap when seen along their normal")]
    public void Slices_too_far_apart_are_not_resampled(double[] heights, double shift, string message)
    {
        foreach (var (height, n) in heights.Select((h, n) => (h, n)))
        {
            DicomSeriesWriter.Write(folder.File($"{n}"), new(new(new(4, 4, 1), Affine.Scaling(new(1, 1, 2)) with { Origin = new(0, n * shift, height) }), new float[16]),
                new() { UidSeed = "1", Patient = "1", Description = "1" });
        }

        Assert.Contains(message, Assert.Throws<InvalidImageFileException>(() => DicomSeries.Scan(folder.Path)[0].Read(resample: true)).Message, StringComparison.Ordinal);
    }

    /// <summary>All pixels equal to the intercept are no measurement; dcm2niix and others take the slope for 1, which is no better.</summary>
    [Fact]
    public void A_slope_of_zero_is_refused()
    {
        Image(2, 2, 0, [1, 2, 3, 4], (0x00281052, d => d.Decimals(0x0028, 0x1052, 5)), (0x00281053, d => d.Decimals(0x0028, 0x1053, 0)));
        Assert.Equal("a.dcm: RescaleSlope (0028,1053) of 0, which makes all pixels equal; expected a slope above or below 0. "
            + "Export the series again, or correct the attribute with `dcmodify` if the slope is known.",
            Assert.Throws<InvalidImageFileException>(() => DicomSeries.Read(folder.Path)).Message.Replace(folder.Path + "/", "", StringComparison.Ordinal));
        var problems = new List<MedicalImageException>();
        Assert.Empty(DicomSeries.Scan(folder.Path, problem: problems.Add)); // so that there is no stack to read stored values of
        Assert.Single(problems);
    }

    /// <summary>float32 holds whole numbers up to 2^24: what of a 32-bit image lies above is rounded, and counted.</summary>
    [Fact]
    public void Wide_integers_that_float32_rounds_are_counted()
    {
        int[] pixels = [(1 << 24) - 1, 1 << 24, (1 << 24) + 1, -(1 << 24) - 3];
        Image(2, 2, 1, [],
            (0x00280100, d => d.Number(0x0028, 0x0100, 32)), (0x00280101, d => d.Number(0x0028, 0x0101, 32)), (0x00280102, d => d.Number(0x0028, 0x0102, 31)),
            (0x7FE00010, d => d.Bytes(0x7FE0, 0x0010, "OW", System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(pixels), 0)));
        var stack = DicomSeries.Scan(folder.Path)[0].Stacks[0];
        Assert.Equal(["pixels of more than 24 bits: numbers beyond 16 777 216 are rounded to the 24 bits of float32"], stack.Notes);
        Assert.Empty(stack.Problems);
        var warnings = new List<string>();
        Assert.Equal([16777215, 16777216, 16777216, -16777220], stack.Read(warn: warnings.Add).Voxels);
        Assert.Equal([$"{folder.Path}: 2 voxels beyond 16 777 216 are rounded to the 24 bits of float32"], warnings);
    }

    /// <summary>An uncompressed file shows by its length that it lies; what it claims is not allocated.</summary>
    [Fact]
    public void A_lying_size_of_an_uncompressed_file_costs_no_memory()
    {
        Image(2, 2, 0, new ushort[1 << 18], (0x00280010, d => d.Number(0x0028, 0x0010, 16000)), (0x00280011, d => d.Number(0x0028, 0x0011, 32000)));
        var stack = DicomSeries.Scan(folder.Path)[0].Stacks[0];
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Assert.Matches(@"32000 x 16000 x 1 voxels in \d+ bytes of files; expected files that hold their pixels", Assert.Throws<InvalidImageFileException>(() => stack.Read()).Message);
        Assert.Throws<InvalidImageFileException>(() => stack.ReadStored());
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 128 << 20); // other tests run beside this one
    }

    /// <summary>Steps that are all alike can be too long: then every second slice may be missing. A spacing below half the thickness can be the gap, for which old writers took it.</summary>
    [Theory]
    [InlineData("MR", 5.0, 2.5, 2.5, "steps of 5.00 mm where SpacingBetweenSlices (0018,0088) is 2.50 mm: slices are missing everywhere, or the attribute is wrong")]
    [InlineData("MR", 2.51, 2.5, 2.5, null)]
    [InlineData("MR", 6.0, 1.0, 5.0, null)]
    [InlineData("MR", 2.0, 2.5, 2.5, null)]
    [InlineData("MR", 10.0, null, 5.0, null)]
    [InlineData("CT", 10.0, null, 5.0, "steps of 10.00 mm where SliceThickness (0018,0050) is 5.00 mm: slices are missing everywhere, or the scan has gaps")]
    [InlineData("CT", 7.0, null, 5.0, null)]
    public void Evenly_missing_slices_are_noticed(string modality, double step, double? spacing, double thickness, string? problem)
    {
        for (var n = 0; n < 4; n++)
        {
            var height = n * step;
            List<(uint, Action<DicomElementWriter>)> extra =
            [
                (0x00080018, d => d.Text(0x0008, 0x0018, "UI", $"1.2.{n}")),
                (0x00080060, d => d.Text(0x0008, 0x0060, "CS", modality)),
                (0x00180050, d => d.Decimals(0x0018, 0x0050, thickness)),
                (0x00200032, d => d.Decimals(0x0020, 0x0032, 0, 0, height)),
            ];
            if (spacing is { } mm)
            {
                extra.Add((0x00180088, d => d.Decimals(0x0018, 0x0088, mm)));
            }

            Image(2, 2, 0, [1, 2, 3, (ushort)n], [.. extra]);
            File.Move(folder.File("a.dcm"), folder.File($"{n}.dcm"));
        }

        var series = Assert.Single(DicomSeries.Scan(folder.Path));
        Assert.Equal(problem, series.Stacks[0].Problems.SingleOrDefault());
        Assert.Equal(4, series.Read(resample: true).Geometry.Size.Depth);
        if (problem is not null)
        {
            Assert.Throws<InvalidImageFileException>(() => series.Read());
        }
    }

    /// <summary>A repeated series that lacks slices: its whole time points are read, and none is filled from another.</summary>
    [Theory]
    [InlineData("acquisition", "2.1", "3 positions have 3 slices, 1 has 2: time point 2 has 3 of 4 slices")]
    [InlineData("instance", "2.1", "3 positions have 3 slices, 1 has 2: time point 2 has 3 of 4 slices")]
    [InlineData("position", "2.1", "3 positions have 3 slices, 1 has 2: time point 2 has 3 of 4 slices")]
    [InlineData("none", "2.1", null)]
    [InlineData("instance", "1.0", null)] // instances 2 to 12: a count from 1 that lacks its first, or one from 2
    public void A_time_point_that_lacks_a_slice_is_not_filled_from_another(string order, string without, string? incomplete)
    {
        for (var t = 1; t <= 3; t++)
        {
            for (var k = 0; k < 4; k++)
            {
                var (time, height) = (t, k);
                Image(2, 2, 0, [(ushort)t, 0, 0, (ushort)k],
                    (0x00080018, d => d.Text(0x0008, 0x0018, "UI", $"1.2.{time}.{height}")),
                    (0x00200012, d => d.Integer(0x0020, 0x0012, order == "acquisition" ? time : 1)),
                    (0x00200013, d => d.Integer(0x0020, 0x0013, order switch { "instance" => 4 * (time - 1) + height + 1, "position" => 3 * height + time, _ => 1 })),
                    (0x00200032, d => d.Decimals(0x0020, 0x0032, 0, 0, height)));
                File.Move(folder.File("a.dcm"), folder.File($"{t}.{k}.dcm"));
            }
        }

        File.Delete(folder.File($"{without}.dcm"));
        var series = Assert.Single(DicomSeries.Scan(folder.Path));
        var stack = Assert.Single(series.Stacks);
        if (incomplete is null)
        {
            Assert.Equal(["3 positions have 3 slices, 1 has 2, and nothing in the files tells which time point lacks a slice"], stack.Problems);
            Assert.Throws<InvalidImageFileException>(() => stack.Read(0, resample: true));
            return;
        }

        Assert.Empty(stack.Problems);
        Assert.Equal(incomplete, Assert.Single(stack.Incomplete));
        Assert.Equal([1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 2, 1, 0, 0, 3], stack.Read(0).Voxels);
        Assert.Equal([3, 0, 0, 0, 3, 0, 0, 1, 3, 0, 0, 2, 3, 0, 0, 3], stack.Read(2).Voxels);
        Assert.Contains("time point 2 has 3 of 4 slices; expected a slice at each position. ", Assert.Throws<InvalidImageFileException>(() => stack.Read(1, resample: true)).Message, StringComparison.Ordinal);
        Assert.Contains(incomplete, Assert.Throws<UnsupportedImageException>(() => series.Read()).Message, StringComparison.Ordinal);
    }

    /// <summary>A link back to a folder above would be followed for ever; a linked file is a file.</summary>
    [Fact]
    public void Links_to_folders_are_not_followed()
    {
        Image(2, 2, 0, [1, 2, 3, 4]);
        Directory.CreateSymbolicLink(folder.File("loop"), folder.Path);
        File.CreateSymbolicLink(folder.File("b.dcm"), folder.File("a.dcm"));
        Assert.Equal(["a.dcm", "b.dcm"], DicomSeries.FilesBelow(folder.Path).Select(Path.GetFileName));
    }

    /// <summary>Files of different studies that do not name their series must not become one volume.</summary>
    [Fact]
    public void Files_without_a_series_UID_are_a_series_a_folder()
    {
        foreach (var (name, n) in new[] { ("a", 1), ("b", 2) })
        {
            Image(2, 2, 0, [1, 2, 3, 4], (0x0020000E, d => d.Text(0x0020, 0x000E, "UI", "")), (0x00080018, d => d.Text(0x0008, 0x0018, "UI", $"1.2.{n}")), (0x00200032, d => d.Decimals(0x0020, 0x0032, 0, 0, n)));
            Directory.CreateDirectory(folder.File(name));
            File.Move(folder.File("a.dcm"), folder.File($"{name}/1.dcm"));
        }

        Assert.Equal(["a", "b"], DicomSeries.Scan(folder.Path).Select(s => Path.GetFileName(Path.GetDirectoryName(Assert.Single(s.Files)))).Order());
    }

    /// <summary>Without value representations in the file, the reader knows which attributes are binary.</summary>
    [Fact]
    public void A_double_is_read_where_the_file_gives_no_value_representation()
    {
        byte[] bytes = [8, 0, 8, 0, 2, 0, 0, 0, (byte)'M', (byte)'R', 0x18, 0, 0x82, 0x90, 8, 0, 0, 0, .. BitConverter.GetBytes(4.92)];
        Assert.Equal(4.92, DicomFile.Parse("a.dcm", bytes, isHeaderOnly: true).DoubleLabel(DicomTag.EffectiveEchoTime));
    }

    /// <summary>What all frames share is parsed, decoded and kept once: a small file must not cost the product of its frames and its longest text.</summary>
    [Fact]
    public void What_frames_share_costs_once()
    {
        const int Frames = 2000, Megabyte = 1 << 20;
        var dataset = DicomFile.Parse("a.dcm", Enhanced(Frames, Item(0x0018, 0x9226, Implicit(0x0008, 0x9007, [.. Enumerable.Repeat((byte)'M', Megabyte)])), _ => []), isHeaderOnly: true);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var slices = DicomImage.From(dataset).Slices();

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 16 * Megabyte);
        Assert.Equal(Frames, slices.Count);
        Assert.Equal(Megabyte, slices[0].Type.Length);
        Assert.All(slices, s => Assert.Same(slices[0].Type, s.Type));
        Assert.All(slices, s => Assert.Same(slices[0].Lut, s.Lut));
    }

    /// <summary>Each number of a frame is decoded for that frame, wherever it is kept.</summary>
    [Fact]
    public void A_number_as_long_as_a_book_is_refused()
    {
        var dataset = DicomFile.Parse("a.dcm", Enhanced(2, Item(0x0028, 0x9145, Implicit(0x0028, 0x1053, [.. "1"u8, .. Enumerable.Repeat((byte)' ', 1 << 20)])), _ => []), isHeaderOnly: true);
        Assert.StartsWith("a.dcm: RescaleSlope (0028,1053) of 1048577 characters; expected a number. ", Assert.Throws<InvalidImageFileException>(() => DicomImage.From(dataset).Slices()).Message, StringComparison.Ordinal);
    }

    /// <summary>Each slice is compared with every stack: thousands of echoes are no scan.</summary>
    [Theory]
    [InlineData(4096, 1)]
    [InlineData(4097, 0)]
    public void A_series_of_thousands_of_stacks_is_left_out(int echoes, int series)
    {
        var problems = new List<string>();
        File.WriteAllBytes(folder.File("a.dcm"), Enhanced(echoes, [], frame => Item(0x0018, 0x9114, Implicit(0x0018, 0x9082, BitConverter.GetBytes((double)frame)))));
        Assert.Equal(series, DicomSeries.Scan(folder.Path, problem: e => problems.Add(e.Message)).Count);
        Assert.Equal(series == 1 ? [] : [$"{folder.File("a.dcm")}: more than 4096 image types, echoes, sizes and orientations in one series; expected at most 4096 stacks of slices. Export the series again, or leave it out."], problems);
    }

    /// <summary>Each frame header would cost the memory of a whole frame, and a JPEG has room for thousands.</summary>
    [Fact]
    public void A_JPEG_with_two_frame_headers_is_refused()
    {
        byte[] header = [0xFF, 0xC0, 0, 11, 8, 0x20, 0, 0x20, 0, 1, 1, 0x11, 0];
        var e = Assert.Throws<InvalidImageFileException>(() => JpegCodec.Decode("a.dcm", [0xFF, 0xD8, .. header, .. header], new(8192, 8192, 1, 8, 8, 7, false, false), []));
        Assert.Equal("a.dcm: JPEG pixels with a second frame header; expected one. The file is damaged; copy it again.", e.Message);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<InvalidImageFileException>(() => JpegCodec.Decode("a.dcm", [0xFF, 0xD8, .. header], new(8192, 8192, 1, 8, 8, 7, false, false), []));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20); // no scan, no planes
    }

    /// <summary>A file that vanishes behind a lock, or on a disk that fails, is an error of the file, small or large.</summary>
    [Fact]
    public void A_file_that_cannot_be_read_is_named()
    {
        Image(2, 2, 0, [1, 2, 3, 4]);
        var stack = DicomSeries.Only(folder.Path).Stacks[0];
        using var locked = new FileStream(folder.File("a.dcm"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.StartsWith($"{folder.File("a.dcm")}: ", Assert.Throws<InvalidImageFileException>(() => stack.Read()).Message, StringComparison.Ordinal);
    }

    /// <summary>What is read as a regular stack is read again when we have written it: as NIfTI, and as a segmentation on its frames.</summary>
    [Theory]
    [InlineData(0.3, true)]
    [InlineData(0.5, true)]
    [InlineData(0.6, false)]
    public void A_small_tilt_comes_back_or_is_refused_at_once(double degrees, bool isRead)
    {
        const int Slices = 60;
        for (var n = 0; n < Slices; n++)
        {
            var k = n;
            Image(2, 2, 0, [1, 2, 3, (ushort)k], (0x00080018, d => d.Text(0x0008, 0x0018, "UI", $"1.2.{k}")), (0x0020000D, d => d.Text(0x0020, 0x000D, "UI", "1.2")),
                (0x00200032, d => d.Decimals(0x0020, 0x0032, 0, 2 * k * Math.Tan(degrees * Math.PI / 180), 2 * k)));
            File.Move(folder.File("a.dcm"), folder.File($"{k}.dcm"));
        }

        var stack = DicomSeries.Only(folder.Path).Stacks[0];
        if (!isRead)
        {
            Assert.Equal(["a gantry tilt of 0.6 degrees"], stack.Problems);
            return;
        }

        var scan = stack.Read();
        Nifti.NiftiFile.Write(folder.File("a.nii"), scan);
        Assert.True(Nifti.NiftiFile.Read(folder.File("a.nii")).Geometry.IsSameGrid(scan.Geometry));
        var labels = new LabelMap(scan.Geometry, [.. Enumerable.Range(0, 4 * Slices).Select(v => (byte)(v / 4 % 3 == 0 ? 0 : 1))]);
        SegmentationWriter.WriteBinary(folder.File("a.seg"), labels, [DicomSegment.Of(1, "Lesion")], DicomSource.From(stack), Written);
        var back = DicomSegmentation.Read(folder.File("a.seg"));
        Assert.Equal(labels.Labels, back.ToLabels(scan.Geometry).Labels);
    }

    /// <summary>Positions and thickness rounded to hundredths by pydicom, as other writers do: the roundings of hundreds of steps must not add up.</summary>
    [Fact]
    public void A_segmentation_with_rounded_positions_is_read()
    {
        var (grid, source) = Scan(4, 4, 300, 0.625);
        var labels = new LabelMap(grid, [.. Enumerable.Range(0, 16 * 300).Select(v => (byte)(v / 16 % 50 is 3 or 4 or 5 ? 0 : 1))]);
        SegmentationWriter.WriteBinary(folder.File("a.dcm"), labels, [DicomSegment.Of(1, "Lesion")], source, Written);
        Edit("for g in d.PerFrameFunctionalGroupsSequence: g.PlanePositionSequence[0].ImagePositionPatient = [round(float(x), 2) for x in g.PlanePositionSequence[0].ImagePositionPatient]",
            "m = d.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]; m.SliceThickness = m.SpacingBetweenSlices = 0.63");

        var read = DicomSegmentation.Read(folder.File("a.dcm"));
        Assert.Equal(0.625, read.Maps[0].Geometry.Spacing.Z, tolerance: 1e-4);
        Assert.Equal(labels.Labels, read.ToLabels(grid).Labels);
    }

    [Fact]
    public void A_segmentation_of_more_voxels_than_an_array_holds_is_refused()
    {
        var (grid, source) = Scan(2048, 2048, 5, 1);
        SegmentationWriter.WriteBinary(folder.File("a.dcm"), new(grid, [.. Enumerable.Repeat((byte)1, (int)grid.Size.Count)]), [DicomSegment.Of(1, "Lesion")], source, Written);
        Edit("d.PerFrameFunctionalGroupsSequence[4].PlanePositionSequence[0].ImagePositionPatient = [0, 0, 599]");
        Assert.Contains(": 1 segments on 2048 x 2048 x 600 voxels; expected at most 2147483591 voxels a segment and ", Assert.Throws<UnsupportedImageException>(() => DicomSegmentation.Read(folder.File("a.dcm"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segmentation_of_frames_without_a_place_is_refused_in_words()
    {
        var (grid, source) = Scan(2, 2, 2, 1);
        SegmentationWriter.WriteBinary(folder.File("a.dcm"), new(grid, [1, 1, 1, 1, 1, 1, 1, 1]), [DicomSegment.Of(1, "Lesion")], source, Written);
        Edit("for g in d.PerFrameFunctionalGroupsSequence: del g.PlanePositionSequence");
        Assert.Equal($"{folder.File("a.dcm")}: no functional group (0020,9113) of the frames; expected frames with a place in the patient. Segmentations of projections are not read.",
            Assert.Throws<UnsupportedImageException>(() => DicomSegmentation.Read(folder.File("a.dcm"))).Message);
    }

    [Theory]
    [InlineData(0x0008, "OF")]
    [InlineData(0x0009, "OD")]
    public void Floating_point_pixels_of_a_big_endian_file_are_read(ushort element, string representation)
    {
        byte[] Element(ushort group, ushort element, string representation, ReadOnlySpan<byte> value) =>
        [
            (byte)(group >> 8), (byte)group, (byte)(element >> 8), (byte)element, .. Encoding.ASCII.GetBytes(representation),
            .. representation[0] == 'O' ? new byte[] { 0, 0, 0, 0, 0, (byte)value.Length } : [0, (byte)value.Length], .. value,
        ];
        byte[] pixels = [.. new[] { 0.25, -3e5 }.SelectMany(v => (representation == "OF" ? BitConverter.GetBytes((float)v) : BitConverter.GetBytes(v)).Reverse())];
        byte[] bytes =
        [
            .. Element(0x0008, 0x0016, "UI", "1.2\0"u8), .. Element(0x0020, 0x0032, "DS", @"0\0\0 "u8), .. Element(0x0020, 0x0037, "DS", @"1\0\0\0\1\0 "u8), .. Element(0x0028, 0x0010, "US", [0, 1]),
            .. Element(0x0028, 0x0011, "US", [0, 2]), .. Element(0x0028, 0x0030, "DS", @"1\1 "u8), .. Element(0x0028, 0x0100, "US", [0, representation == "OF" ? (byte)32 : (byte)64]), .. Element(0x7FE0, element, representation, pixels),
        ];
        var image = DicomImage.From(DicomFile.Parse("a.dcm", bytes, isHeaderOnly: false));
        var values = new float[2];
        image.CopyPixels(image.Slices()[0], values);
        Assert.Equal([0.25f, -3e5f], values);
    }

    /// <summary>A mosaic of a thousand tiles is decoded once, not a thousand times.</summary>
    [Fact]
    public void A_mosaic_is_decoded_once()
    {
        Image(1024, 1024, 0, new ushort[1 << 20], (0x00080008, d => d.Text(0x0008, 0x0008, "CS", @"ORIGINAL\PRIMARY\M\MOSAIC")), (0x0019100A, d => d.Number(0x0019, 0x100A, 1024)),
            (0x00291010, d => d.Bytes(0x0029, 0x1010, "OB", Csa("SliceNormalVector", [0, 0, 1]), 0)));
        var image = DicomImage.Read(folder.File("a.dcm"));
        var (slices, words) = (image.Slices(), new short[1024]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var slice in slices)
        {
            image.CopyWords(slice, words);
        }

        Assert.Equal(1024, slices.Count);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 23);
    }

    /// <summary>Cosines rounded to three digits, 0.4 per mille too long: pixels keep their spacing, and axes their right angles.</summary>
    [Fact]
    public void Rounded_cosines_are_unit_vectors_at_right_angles()
    {
        Image(2, 2, 0, [1, 2, 3, 4], (0x00200037, d => d.Decimals(0x0020, 0x0037, 0.6003, 0.8003, 0, -0.8, 0.6005, 0)));
        var affine = DicomSeries.Read(folder.Path).Geometry.Affine;
        Assert.Equal(1, affine.Spacing.X, tolerance: 1e-12);
        Assert.Equal(1, affine.Spacing.Y, tolerance: 1e-12);
        Assert.Equal(1, affine.Spacing.Z, tolerance: 1e-12);
        Assert.InRange(affine.Shear, 0, 1e-12);
    }

    /// <summary>A header is read in parts: one that ends exactly between two elements must not be taken for the whole.</summary>
    [Theory]
    [InlineData(0x00281052)] // the line to Hounsfield units
    [InlineData(0x00200032)] // the place
    public void Elements_behind_the_first_read_are_not_lost(int first)
    {
        (uint, Action<DicomElementWriter>)[] extra = [(0x00281052, d => d.Decimals(0x0028, 0x1052, -1024)), (0x00281053, d => d.Decimals(0x0028, 0x1053, 2))];
        void Padded(int length) => Image(2, 2, 0, [1, 2, 3, 4], [.. extra, ((uint)first - 1, d => d.Bytes((ushort)(first >> 16), (ushort)(first - 1), "OB", new byte[length], 0))]);
        int Start()
        {
            var bytes = File.ReadAllBytes(folder.File("a.dcm")).AsSpan();
            byte[] tag = [(byte)(first >> 16), 0, (byte)first, (byte)(first >> 8), (byte)'D', (byte)'S'];
            return bytes.IndexOf(tag);
        }

        Padded(0);
        Padded((1 << 15) - Start());
        Assert.Equal(1 << 15, Start());
        Assert.Equal([-1022, -1020, -1018, -1016], DicomSeries.Read(folder.Path).Voxels);
    }

    /// <summary>Oracle: pydicom. The first stored value of a Modality LUT has the sign of the pixels.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(0)]
    public void A_modality_table_begins_at_a_value_with_the_sign_of_the_pixels(int sign)
    {
        ushort[] pixels = [65526, 65527, 65528, 65526];
        Image(2, 2, sign, pixels, (0x00283000, d => d.Sequence(0x0028, 0x3000, [item =>
        {
            item.Bytes(0x0028, 0x3002, sign == 1 ? "SS" : "US", [3, 0, 0xF6, 0xFF, 16, 0], 0);
            item.Text(0x0028, 0x3004, "LO", "HU");
            item.Number(0x0028, 0x3006, 100, 200, 300);
        }])));
        var output = Shared.Run("python3-pydicom", Shared.Python, "-c", $"""
            import pydicom
            from pydicom.pixel_data_handlers.util import apply_modality_lut
            d = pydicom.dcmread(r'{folder.File("a.dcm")}')
            print(*apply_modality_lut(d.pixel_array, d).ravel())
            """);

        Assert.Equal(output.Trim(), string.Join(' ', DicomSeries.Read(folder.Path).Voxels));
        Assert.Equal("100 200 300 100", output.Trim());
    }

    private void Mosaic(int? slices, double[]? normal, int? block = null)
    {
        var (group19, group29) = (0x00190000u, 0x00290000u);
        var start = (ushort)((block ?? 0x10) << 8);
        List<(uint, Action<DicomElementWriter>)> extra =
        [
            (0x00080008, d => d.Text(0x0008, 0x0008, "CS", @"ORIGINAL\PRIMARY\M\MOSAIC")),
            (0x00180088, d => d.Decimals(0x0018, 0x0088, 5)),
        ];
        if (slices is { } count)
        {
            extra.Add((group19 + start + 0x0A, d => d.Number(0x0019, (ushort)(start + 0x0A), count)));
        }

        if (normal is not null)
        {
            extra.Add((group29 + start + 0x10, d => d.Bytes(0x0029, (ushort)(start + 0x10), "OB", Csa("SliceNormalVector", normal), 0)));
        }

        if (block is { } reserved)
        {
            extra.Add((group19 + (uint)reserved, d => d.Text(0x0019, (ushort)reserved, "LO", "SIEMENS MR HEADER")));
            extra.Add((group29 + (uint)reserved, d => d.Text(0x0029, (ushort)reserved, "LO", "SIEMENS CSA HEADER")));
        }

        Image(4, 4, 0, [.. Enumerable.Range(0, 16).Select(n => (ushort)n)], [.. extra]);
    }

    /// <summary>A Siemens CSA header of the kind SV10 with one entry of numbers.</summary>
    private static byte[] Csa(string name, double[] numbers)
    {
        static byte[] Padded(string text, int length) => [.. Encoding.ASCII.GetBytes(text), .. new byte[length - text.Length]];
        var bytes = new List<byte>([.. "SV10"u8, 4, 3, 2, 1, .. BitConverter.GetBytes(1), .. BitConverter.GetBytes(77), .. Padded(name, 64), .. BitConverter.GetBytes(3), .. Padded("FD", 4), .. new byte[4], .. BitConverter.GetBytes(numbers.Length), .. BitConverter.GetBytes(77)]);
        foreach (var number in numbers)
        {
            var text = Padded(number.ToString("F8", System.Globalization.CultureInfo.InvariantCulture), 12);
            bytes.AddRange([.. BitConverter.GetBytes(text.Length), .. BitConverter.GetBytes(text.Length), .. BitConverter.GetBytes(77), .. BitConverter.GetBytes(text.Length), .. text]);
        }

        return [.. bytes];
    }

    /// <summary>A scan along the axes with pixels of 1 mm, and its grid.</summary>
    private (VolumeGeometry Grid, DicomSource Source) Scan(int columns, int rows, int slices, double step)
    {
        var grid = new VolumeGeometry(new(columns, rows, slices), Affine.Scaling(new(1, 1, step)));
        DicomSeriesWriter.Write(folder.File("scan"), new(grid, new float[grid.Size.Count]), new() { UidSeed = "1", Patient = "1", Description = "1" });
        return (grid, DicomSource.From(DicomSeries.Scan(folder.File("scan"))[0].Stacks[0]));
    }

    /// <summary>Changes a.dcm by statements of pydicom on d.</summary>
    private void Edit(params string[] statements) => Shared.Run("python3-pydicom", Shared.Python, "-c",
        $"import pydicom\nd = pydicom.dcmread(r'{folder.File("a.dcm")}')\n{string.Join('\n', statements)}\nd.save_as(r'{folder.File("a.dcm")}')");

    /// <summary>An enhanced image of 1 x 1 pixels in implicit little endian, whose sequences are parsed when they are asked for; without its pixels.</summary>
    private static byte[] Enhanced(int frames, byte[] shared, Func<int, byte[]> perFrame) =>
    [
        .. Implicit(0x0008, 0x0016, "1.2.840.10008.5.1.4.1.1.4.1\0"u8), .. Implicit(0x0028, 0x0002, [1, 0]), .. Implicit(0x0028, 0x0004, "MONOCHROME2 "u8), .. Implicit(0x0028, 0x0008, Encoding.ASCII.GetBytes($"{frames:D6}")),
        .. Implicit(0x0028, 0x0010, [1, 0]), .. Implicit(0x0028, 0x0011, [1, 0]), .. Implicit(0x0028, 0x0100, [16, 0]),
        .. Item(0x5200, 0x9229, [.. shared, .. Item(0x0020, 0x9116, Implicit(0x0020, 0x0037, @"1\0\0\0\1\0 "u8)), .. Item(0x0028, 0x9110, Implicit(0x0028, 0x0030, @"1\1 "u8))]),
        .. Implicit(0x5200, 0x9230, [.. Enumerable.Range(0, frames).SelectMany(f => Implicit(0xFFFE, 0xE000, [.. perFrame(f), .. Item(0x0020, 0x9113, Implicit(0x0020, 0x0032, Encoding.ASCII.GetBytes($@"0\0\{f:D6}")))]))]),
    ];

    private static byte[] Item(ushort group, ushort element, byte[] content) => Implicit(group, element, Implicit(0xFFFE, 0xE000, content));

    private static byte[] Implicit(ushort group, ushort element, ReadOnlySpan<byte> value) => [.. BitConverter.GetBytes(group), .. BitConverter.GetBytes(element), .. BitConverter.GetBytes(value.Length), .. value];

    /// <summary>Writes a.dcm: one MR image of 1 mm pixels, and more attributes.</summary>
    private void Image(int rows, int columns, int sign, ushort[] pixels, params (uint Tag, Action<DicomElementWriter> Write)[] extra)
    {
        var elements = new SortedDictionary<uint, Action<DicomElementWriter>>
        {
            [0x00080016] = d => d.Text(0x0008, 0x0016, "UI", "1.2.840.10008.5.1.4.1.1.4"),
            [0x00080018] = d => d.Text(0x0008, 0x0018, "UI", "1.2.4"),
            [0x00080060] = d => d.Text(0x0008, 0x0060, "CS", "MR"),
            [0x0020000E] = d => d.Text(0x0020, 0x000E, "UI", "1.2.3"),
            [0x00200032] = d => d.Decimals(0x0020, 0x0032, 0, 0, 0),
            [0x00200037] = d => d.Decimals(0x0020, 0x0037, 1, 0, 0, 0, 1, 0),
            [0x00280002] = d => d.Number(0x0028, 0x0002, 1),
            [0x00280004] = d => d.Text(0x0028, 0x0004, "CS", "MONOCHROME2"),
            [0x00280010] = d => d.Number(0x0028, 0x0010, rows),
            [0x00280011] = d => d.Number(0x0028, 0x0011, columns),
            [0x00280030] = d => d.Decimals(0x0028, 0x0030, 1, 1),
            [0x00280100] = d => d.Number(0x0028, 0x0100, 16),
            [0x00280101] = d => d.Number(0x0028, 0x0101, 16),
            [0x00280102] = d => d.Number(0x0028, 0x0102, 15),
            [0x00280103] = d => d.Number(0x0028, 0x0103, sign),
            [0x7FE00010] = d => d.Bytes(0x7FE0, 0x0010, "OW", System.Runtime.InteropServices.MemoryMarshal.AsBytes<ushort>(pixels), 0),
        };
        foreach (var (tag, write) in extra)
        {
            elements[tag] = write;
        }

        var dataset = new DicomElementWriter();
        foreach (var write in elements.Values)
        {
            write(dataset);
        }

        DicomElementWriter.WriteFile(folder.File("a.dcm"), "1.2.840.10008.5.1.4.1.1.4", "1.2.4", dataset);
    }
}
