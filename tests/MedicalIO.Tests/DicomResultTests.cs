using System.Globalization;
using CsCheck;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Results;

namespace Credence.MedicalIO.Tests;

/// <summary>Results that we write for a scan, read by software that we did not write; and segmentations that others wrote.</summary>
public sealed class DicomResultTests : IDisposable
{
    private static readonly DicomResultOptions Options = new()
    {
        Description = "Lesions with uncertainty",
        Algorithm = "test-model",
        AlgorithmVersion = "0123abcd",
        Created = new(2026, 11, 24, 10, 30, 0),
    };

    private static readonly IReadOnlyList<DicomSegment> Segments = [DicomSegment.Of(1, "Lesion"), DicomSegment.Of(3, "Black hole")];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("binary.dcm", "Segmentation")]
    [InlineData("fractional.dcm", "Segmentation")]
    [InlineData("map.dcm", "ParametricMap")]
    [InlineData("picture.dcm", "MultiframeTrueColorSCImage")]
    [InlineData("page.dcm", "MultiframeTrueColorSCImage")]
    public void Dciodvfy_finds_no_error(string name, string kind)
    {
        Write();
        var output = Shared.Run("dicom3tools", "dciodvfy", folder.File(name));

        Assert.Contains(kind, output, StringComparison.Ordinal);
        Assert.DoesNotContain("Error", output, StringComparison.Ordinal);
    }

    /// <summary>Real headers of several vendors, single-frame and enhanced multi-frame: what they lack or get wrong must not become an error of the result.</summary>
    [Theory]
    [InlineData("data/dicom/dcm_qa_nih/In")]
    [InlineData("data/dicom/dcm_qa_enh/In")]
    [InlineData("data/dicom/dcm_qa_ts/In")]
    public void Results_of_real_series_are_free_of_errors_and_come_back_on_their_grid(string scans)
    {
        var written = 0;
        foreach (var series in DicomSeries.Scan(Shared.Folder(scans)).Where(s => s.Stacks is [{ Problems: [] }, ..]).DistinctBy(s => (s.SopClassUid, s.Modality, s.StudyUid)).Take(6))
        {
            var scan = series.Stacks[0].Read();
            var source = DicomSource.From(series.Stacks[0]);
            var labels = new LabelMap(scan.Geometry, [.. Enumerable.Range(0, scan.Voxels.Length).Select(v => (byte)(v % 5 == 0 || v % 97 == 3 ? 1 : 0))]);
            SegmentationWriter.WriteBinary(folder.File("segmentation.dcm"), labels, [DicomSegment.Of(1, "Lesion")], source, Options);
            ParametricMapWriter.Write(folder.File("entropy.dcm"), new(scan.Geometry, [.. labels.Labels.Select(l => l * 0.25f)]), ParametricMapQuantity.PredictiveEntropy(2), source, Options);
            SecondaryCaptureWriter.Write(folder.File("picture.dcm"), 6, 5, [[.. Enumerable.Range(0, 90).Select(n => (byte)n)]], hasText: false, source, Options);

            foreach (var name in new[] { "segmentation.dcm", "entropy.dcm", "picture.dcm" })
            {
                var output = Shared.Run("dicom3tools", "dciodvfy", folder.File(name));
                Assert.True(!output.Contains("Error", StringComparison.Ordinal), $"{name} of {series.Description} in {series.Files[0]}: {output}");
            }

            var back = DicomSegmentation.Read(folder.File("segmentation.dcm")).ToLabels(scan.Geometry);
            Assert.Equal(labels.Labels, back.Labels);
            written++;
        }

        Assert.True(written > 0, "no series with a volume");
    }

    /// <summary>Oracle: pydicom's pixels, frame by frame, each placed by the position that it reads, against what went in.</summary>
    [Fact]
    public void Pydicom_finds_the_voxels_at_their_places()
    {
        var (labels, map, other) = Write();
        var output = Shared.Run("python3-pydicom", Shared.Python, Golden("frame_voxels.py"), folder.File("binary.dcm"), folder.File("fractional.dcm"), folder.File("map.dcm"));

        var (grid, inverse) = (labels.Geometry, labels.Geometry.Affine.Inverse());
        var found = new Dictionary<(int File, int Segment), float[]>();
        foreach (var v in Voxels(output))
        {
            var index = inverse.Apply(new(v[2], v[3], v[4]));
            var (i, j, k) = ((int)Math.Round(index.X), (int)Math.Round(index.Y), (int)Math.Round(index.Z));
            Assert.True((new Vector3D(i, j, k) - index).Length < 1e-3, $"{index}");
            found.TryAdd(((int)v[0], (int)v[1]), new float[labels.Labels.Length]);
            found[((int)v[0], (int)v[1])][i + grid.Size.Width * (j + grid.Size.Height * k)] += (float)v[5]; // a voxel found twice would show
        }

        Assert.Equal([(0, 1), (0, 2), (1, 1), (1, 2), (2, 0)], found.Keys.Order());
        Assert.Equal(labels.Labels.Select(l => l == 1 ? 1f : 0), found[(0, 1)]);
        Assert.Equal(labels.Labels.Select(l => l == 3 ? 1f : 0), found[(0, 2)]);
        Assert.Equal(map.Voxels.Select(v => MathF.Round(v * 255)), found[(1, 1)]);
        Assert.Equal(other.Voxels.Select(v => MathF.Round(v * 255)), found[(1, 2)]);
        Assert.Equal(map.Voxels, found[(2, 0)]);
    }

    /// <summary>Oracle: pydicom's dictionaries of DCM, SNOMED CT and UCUM. Codes of our own carry a private scheme.</summary>
    [Fact]
    public void Every_code_has_the_meaning_that_its_scheme_gives_it()
    {
        var (_, map, _) = Write();
        var source = Source();
        ParametricMapWriter.Write(folder.File("probability.dcm"), map, ParametricMapQuantity.Probability("Lesion"), source, Options);
        ParametricMapWriter.Write(folder.File("information.dcm"), map, ParametricMapQuantity.MutualInformation(2), source, Options);
        var output = Shared.Run("python3-pydicom", Shared.Python, "-c", $$"""
            import glob, pydicom
            from pydicom.sr._concepts_dict import concepts
            found = set()
            def look(dataset, element):
                if element.tag == 0x00080100:
                    found.add((str(dataset.CodingSchemeDesignator), str(dataset.CodeValue), str(dataset.CodeMeaning)))
            for path in glob.glob(r'{{folder.Path}}/*.dcm'):
                pydicom.dcmread(path).walk(look)
            for scheme, value, meaning in sorted(found):
                known = {entry[0] for keyword in concepts.get(scheme, {}).values() for code, entry in keyword.items() if code == value}
                print('CODE', scheme, value, meaning, 'right' if meaning in known else f'wrong: {known}', sep='|')
            """);
        var codes = output.Split('\n').Where(l => l.StartsWith("CODE|", StringComparison.Ordinal)).Select(l => l.Split('|')).ToList();

        Assert.True(codes.Count >= 10, output);
        Assert.All(codes.Where(c => c[1] != "99CREDENCE" && c[2] != "{nat}"), c => Assert.True(c[4] == "right", string.Join('|', c)));
    }

    /// <summary>Only what is named a lesion is coded as one: anatomy must not reach an archive as disease.</summary>
    [Theory]
    [InlineData("lesion", "49755003 52988006")]
    [InlineData("MS_Lesions", "49755003 52988006")]
    [InlineData("Lesion (new)", "49755003 52988006")]
    [InlineData("anterior", "85756007 85756007")]
    [InlineData("perilesional tissue", "85756007 85756007")]
    public void A_segment_is_coded_by_its_name(string name, string codes)
    {
        var source = Source();
        SegmentationWriter.WriteBinary(folder.File("named.dcm"), new(source.Geometry, new byte[source.Geometry.Size.Count]), [DicomSegment.Of(1, name)], source, Options);
        ParametricMapWriter.Write(folder.File("map.dcm"), new(source.Geometry, new float[source.Geometry.Size.Count]), ParametricMapQuantity.Probability(name), source, Options);
        Assert.Equal($"CODES {codes} Probability of {name}", Shared.Run("python3-pydicom", Shared.Python, "-c", $"""
            import pydicom
            s = pydicom.dcmread(r'{folder.File("named.dcm")}').SegmentSequence[0]
            m = pydicom.dcmread(r'{folder.File("map.dcm")}').SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
            print('CODES', s.SegmentedPropertyCategoryCodeSequence[0].CodeValue, s.SegmentedPropertyTypeCodeSequence[0].CodeValue, m.LUTExplanation)
            """).Trim());
    }

    /// <summary>What a scan has lost by compression, or shows in its pixels, its results go on saying. Encoded by dcmtk, which sets the attributes; then taken away.</summary>
    [Theory]
    [InlineData("+ee", false, "01")]
    [InlineData("+ee", true, "01")]
    [InlineData("+el", false, "00")]
    public void Loss_and_burned_in_text_are_passed_on(string encoding, bool isSilent, string loss)
    {
        DicomSeriesWriter.Write(folder.File("plain"), new(new(new(16, 16, 1), Affine.Identity), [.. Enumerable.Range(0, 256).Select(v => v * 3f)]), new() { UidSeed = "1", Patient = "1", Description = "1" });
        Directory.CreateDirectory(folder.File("encoded"));
        Shared.Run("dcmtk", "dcmcjpeg", encoding, "+un", folder.File("plain/0001.dcm"), folder.File("encoded/1.dcm"));
        Shared.Run("dcmtk", "dcmodify", ["-nb", "-i", "(0028,0301)=YES", .. isSilent ? new[] { "-ea", "(0028,2110)", "-ea", "(0028,2112)", "-ea", "(0028,2114)" } : [], folder.File("encoded/1.dcm")]);
        var source = DicomSource.From(DicomSeries.Scan(folder.File("encoded"))[0].Stacks[0]);
        SegmentationWriter.WriteBinary(folder.File("binary.dcm"), new(source.Geometry, new byte[256]), Segments, source, Options);
        ParametricMapWriter.Write(folder.File("map.dcm"), new(source.Geometry, new float[256]), ParametricMapQuantity.PredictiveEntropy(2), source, Options);
        SecondaryCaptureWriter.Write(folder.File("picture.dcm"), 6, 5, [new byte[90]], hasText: false, source, Options);
        foreach (var name in new[] { "binary.dcm", "map.dcm", "picture.dcm" })
        {
            var written = DicomFile.Read(folder.File(name));
            Assert.Equal(loss, written.Text(DicomTag.LossyImageCompression));
            Assert.Equal(loss == "01" ? "ISO_10918_1" : null, written.Text(DicomTag.LossyImageCompressionMethod));
            Assert.Equal(loss == "01" && !isSilent, written.Has(DicomTag.LossyImageCompressionRatio));
        }

        Assert.Equal("YES", DicomFile.Read(folder.File("picture.dcm")).Text(DicomTag.BurnedInAnnotation));
    }

    /// <summary>dcmtk and GDCM open what we write, and know what it is; GDCM finds the same pixels.</summary>
    [Fact]
    public void Dcmtk_and_GDCM_open_them()
    {
        Write();
        foreach (var name in new[] { "binary.dcm", "fractional.dcm", "map.dcm", "picture.dcm" })
        {
            Assert.Contains("(0008,0016) UI", Shared.Run("dcmtk", "dcmdump", "+P", "SOPClassUID", folder.File(name)), StringComparison.Ordinal);
            if (name == "map.dcm")
            {
                // GDCM 3.0 knows no floating point pixels, so to it this is no image; its parser reads the file to the end.
                Assert.Contains("(7fe0,0008) OF", Shared.Run("libgdcm-tools", "gdcmdump", folder.File(name)), StringComparison.Ordinal);
                continue;
            }

            Assert.StartsWith("MediaStorage is 1.2.840.10008.5.1.4.1.1.", Shared.Run("libgdcm-tools", "gdcminfo", folder.File(name)), StringComparison.Ordinal);
            Shared.Run("libgdcm-tools", "gdcmraw", "-i", folder.File(name), "-o", folder.File("raw"));
            var pixels = DicomFile.Read(folder.File(name)).Element(DicomTag.PixelData)!.Value.ToArray();
            Assert.Equal(pixels, File.ReadAllBytes(folder.File("raw")));
            Assert.Contains(pixels, p => p != 0);
        }
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        var (labels, map, _) = Write();
        var binary = DicomSegmentation.Read(folder.File("binary.dcm"));
        Assert.Equal([(1, "Lesion"), (2, "Black hole")], binary.Segments);

        // Frames without a voxel are left out, so the grid read is a part of the grid written.
        var read = binary.ToLabels();
        var toWritten = labels.Geometry.Affine.Inverse();
        var seen = 0;
        for (var v = 0; v < read.Labels.Length; v++)
        {
            var (i, j, k) = read.Geometry.IndexOf(v);
            var at = toWritten.Apply(read.Geometry.Affine.Apply(new(i, j, k)));
            var expected = labels.Labels[(int)Math.Round(at.X) + labels.Geometry.Size.Width * ((int)Math.Round(at.Y) + labels.Geometry.Size.Height * (int)Math.Round(at.Z))];
            Assert.Equal(expected == 3 ? 2 : expected, read.Labels[v]);
            seen += expected > 0 ? 1 : 0;
        }

        Assert.Equal(labels.Labels.Count(l => l is 1 or 3), seen);
        var fractional = DicomSegmentation.Read(folder.File("fractional.dcm"));
        Assert.Equal(map.Voxels.Sum(), fractional.Maps[0].Voxels.Sum(), tolerance: map.Voxels.Length / 510f);
    }

    [Fact]
    public void A_segmentation_is_a_mask_on_the_grid_of_its_scan()
    {
        var (labels, _, _) = Write();
        var scan = VolumeFile.Read(folder.File("scan"));

        var mask = Orientation.ToCanonical(VolumeFile.ReadLabels(folder.File("binary.dcm"), scan.Geometry));
        Assert.Equal(labels.Labels.Select(l => l == 3 ? 2 : l), mask.Labels.Select(l => (int)l));
        Assert.True(mask.Geometry.IsSameGrid(labels.Geometry, 1e-3));

        var shifted = scan.Geometry with { Affine = scan.Geometry.Affine with { Origin = scan.Geometry.Affine.Origin + new Vector3D(0.6, 0, 0) } };
        Assert.Matches(@"binary\.dcm: a segmented voxel at index \(.*\) of the scan; expected one of its 6 x 5 x 4 voxels\. ",
            Assert.Throws<InvalidImageFileException>(() => VolumeFile.ReadLabels(folder.File("binary.dcm"), shifted)).Message);
    }

    [Fact]
    public void The_same_result_is_the_same_instance()
    {
        Write();
        var first = File.ReadAllBytes(folder.File("binary.dcm"));
        Write();
        Assert.Equal(first, File.ReadAllBytes(folder.File("binary.dcm")));
    }

    [Fact]
    public void An_empty_segmentation_is_still_an_image()
    {
        var source = Source();
        SegmentationWriter.WriteBinary(folder.File("empty.dcm"), new(source.Geometry, new byte[source.Geometry.Size.Count]), Segments, source, Options);
        Assert.All(DicomSegmentation.Read(folder.File("empty.dcm")).ToLabels().Labels, l => Assert.Equal(0, l));
        Assert.DoesNotContain("Error", Shared.Run("dicom3tools", "dciodvfy", folder.File("empty.dcm")), StringComparison.Ordinal);
    }

    /// <summary>Oracle: pydicom sums the voxels of each segment of files that highdicom and dcmqi wrote.</summary>
    [Theory]
    [InlineData("seg_highdicom/data/test_files/seg_image_ct_binary.dcm")]
    [InlineData("seg_highdicom/data/test_files/seg_image_ct_binary_fractional.dcm")]
    [InlineData("seg_highdicom/data/test_files/seg_image_ct_binary_overlap.dcm")]
    [InlineData("seg_highdicom/data/test_files/seg_image_ct_binary_single_frame.dcm")]
    [InlineData("seg_highdicom/data/test_files/seg_image_ct_true_fractional.dcm")]
    [InlineData("seg_dcmqi/data/segmentations/liver.dcm")]
    [InlineData("seg_dcmqi/data/segmentations/partial_overlaps.dcm")]
    [InlineData("seg_dcmqi/data/sr-example/seg.dcm")]
    public void Segmentations_of_others_are_read(string name)
    {
        var path = Path.Combine(Shared.Folder("data/dicom"), name);
        var output = Shared.Run("python3-pydicom", Shared.Python, "-c", $$"""
            import pydicom
            d = pydicom.dcmread(r'{{path}}')
            n = int(d.NumberOfFrames)
            p = d.pixel_array.reshape(n, d.Rows, d.Columns).astype(float) / (int(d.get('MaximumFractionalValue', 1)) if d.SegmentationType == 'FRACTIONAL' else 1)
            sums = {}
            for f, g in enumerate(d.PerFrameFunctionalGroupsSequence):
                s = g.SegmentIdentificationSequence if 'SegmentIdentificationSequence' in g else d.SharedFunctionalGroupsSequence[0].SegmentIdentificationSequence
                k = int(s[0].ReferencedSegmentNumber)
                sums[k] = sums.get(k, 0) + p[f].sum()
            for k in sorted(sums): print('SEGMENT', k, repr(float(sums[k])))
            """);
        var expected = output.Split('\n').Where(l => l.StartsWith("SEGMENT", StringComparison.Ordinal)).Select(l => l.Split(' ')).ToDictionary(l => int.Parse(l[1], CultureInfo.InvariantCulture), l => double.Parse(l[2], CultureInfo.InvariantCulture));
        var segmentation = DicomSegmentation.Read(path);

        Assert.NotEmpty(expected);
        Assert.Equal(expected.Keys.Order(), segmentation.Segments.Select(s => s.Number).Where(expected.ContainsKey));
        Assert.All(segmentation.Segments.Zip(segmentation.Maps), s => Assert.Equal(expected.GetValueOrDefault(s.First.Number), s.Second.Voxels.Sum(v => (double)v), tolerance: 1e-2));
    }

    /// <summary>Oracle: the label maps that dcmqi keeps beside its files, each voxel at its place. A frame left out it fills with PixelPaddingValue, which is no segment.</summary>
    [Theory]
    [InlineData("sparse-labelmap-noppv.dcm", "sparse_labelmap_noppv_seg.nrrd", 0)]
    [InlineData("sparse-labelmap-ppv5.dcm", "sparse_labelmap_ppv5_seg.nrrd", 5)]
    [InlineData("liver.dcm", "liver_seg.nrrd", 0)]
    public void Segmentations_of_dcmqi_lie_where_dcmqi_says(string name, string expected, int padding)
    {
        var root = Shared.Folder("data/dicom/seg_dcmqi/data/segmentations");
        var output = Shared.Run("python3-numpy", Shared.Python, Golden("nrrd_voxels.py"), Path.Combine(root, expected));
        var labels = DicomSegmentation.Read(Path.Combine(root, name)).ToLabels();

        var ours = new HashSet<(int, double, double, double)>();
        for (var v = 0; v < labels.Labels.Length; v++)
        {
            var (i, j, k) = labels.Geometry.IndexOf(v);
            var p = labels.Geometry.Affine.Apply(new(i, j, k));
            _ = labels.Labels[v] == 0 || ours.Add(Place(labels.Labels[v], p.X, p.Y, p.Z));
        }

        Assert.NotEmpty(ours);
        Assert.Equal(ours.Order(), Voxels(output).Where(v => v[0] != padding).Select(v => Place((int)v[0], v[1], v[2], v[3])).Order());

        // To a fiftieth of a millimetre: NRRD and DICOM round decimals in different places.
        static (int, double, double, double) Place(int label, double x, double y, double z) => (label, Math.Round(50 * x), Math.Round(50 * y), Math.Round(50 * z));
    }

    /// <summary>A slide lies on a microscope, not in a patient: its segmentations have no volume, and the error says so.</summary>
    [Theory]
    [InlineData("seg_image_sm_dots.dcm")]
    [InlineData("seg_image_sm_numbers.dcm")]
    [InlineData("seg_image_sm_control.dcm")]
    [InlineData("seg_image_sm_control_labelmap.dcm")]
    [InlineData("seg_image_sm_dots_tiled_full.dcm")]
    public void Segmentations_of_slides_are_refused_in_words(string name)
    {
        var path = Path.Combine(Shared.Folder("data/dicom/seg_highdicom"), "data/test_files", name);
        Assert.Equal($"{path}: a segmentation of a microscope slide, whose frames lie in the plane of the slide and not in a patient; expected frames with a place in the patient. "
            + "Segmentations of slides have no volume and are not read; give one of a CT or MR series.", Assert.Throws<UnsupportedImageException>(() => DicomSegmentation.Read(path)).Message);
    }

    /// <summary>A segmentation that damage lets through is still one map a segment.</summary>
    [Fact]
    public void Damage_of_a_segmentation_is_a_MedicalImageException()
    {
        Write();
        var (path, whole) = (folder.File("damaged.dcm"), File.ReadAllBytes(folder.File("binary.dcm")));
        Gen.Select(Gen.Int[132, whole.Length - 1].Array[1, 4], Gen.Byte, Gen.Int[0, whole.Length], Gen.Int[0, 7]).Sample((at, value, length, cut) =>
        {
            var bytes = (byte[])whole.Clone();
            foreach (var position in at)
            {
                bytes[position] = value;
            }

            File.WriteAllBytes(path, cut == 0 ? bytes[..length] : bytes);
            try
            {
                var segmentation = DicomSegmentation.Read(path);
                Assert.Equal(segmentation.Segments.Count, segmentation.Maps.Count);
            }
            catch (MedicalImageException e)
            {
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
            }
        }, iter: 20_000, seed: "0N0XIzNsQ0O2", threads: 1);
    }

    private static string Golden(string script) => Path.Combine(AppContext.BaseDirectory, "Golden", script);

    private static IEnumerable<double[]> Voxels(string output) => output.Split('\n').Where(l => l.StartsWith("VOXEL ", StringComparison.Ordinal))
        .Select(l => l.Split(' ')[1..].Select(t => double.Parse(t, CultureInfo.InvariantCulture)).ToArray());

    private (LabelMap Labels, Volume Map, Volume Other) Write()
    {
        var source = Source();

        // Results come in canonical order, the scan does not.
        var grid = Orientation.ToCanonical(source.Geometry);
        var labels = new LabelMap(grid, [.. Enumerable.Range(0, (int)grid.Size.Count).Select(v => (byte)(v is >= 30 and < 75 && v % 4 != 2 ? v % 4 : 0))]);
        var map = new Volume(grid, [.. Enumerable.Range(0, (int)grid.Size.Count).Select(v => v % 256 / 255f)]);
        SegmentationWriter.WriteBinary(folder.File("binary.dcm"), labels, Segments, source, Options);
        var other = new Volume(grid, [.. map.Voxels.Select(v => v < 0.3f ? 0 : v / 2)]);
        SegmentationWriter.WriteFractional(folder.File("fractional.dcm"), [map, other], Segments, source, Options);
        ParametricMapWriter.Write(folder.File("map.dcm"), map, ParametricMapQuantity.PredictiveEntropy(2), source, Options);
        SecondaryCaptureWriter.Write(folder.File("picture.dcm"), 6, 5, [[.. Enumerable.Range(0, 90).Select(n => (byte)n)], [.. Enumerable.Range(0, 90).Select(n => (byte)(255 - n))]], hasText: false, source, Options);
        SecondaryCaptureWriter.Write(folder.File("page.dcm"), 6, 5, [[.. Enumerable.Range(0, 90).Select(n => (byte)n)]], hasText: false, source, Options);
        return (labels, map, other);
    }

    private DicomSource Source()
    {
        var (sine, cosine) = Math.SinCos(0.3);
        var affine = new Affine(new(-1.25 * cosine, -1.25 * sine, 0), new(0, 0, -0.75), new(3.5 * sine, -3.5 * cosine, 0), new(5, 6, 7));
        DicomSeriesWriter.Write(folder.File("scan"), new(new(new(6, 5, 4), affine), [.. Enumerable.Range(0, 120).Select(v => (float)v)]),
            new() { UidSeed = "scan", Patient = "Müller^Änne", Description = "FLAIR" });
        return DicomSource.From(DicomSeries.Scan(folder.File("scan"))[0].Stacks[0]);
    }
}
