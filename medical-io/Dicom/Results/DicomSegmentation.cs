namespace Credence.MedicalIO.Dicom.Results;

/// <summary>A DICOM Segmentation that was read: BINARY, FRACTIONAL or LABELMAP.</summary>
/// <remarks>Source: DICOM PS3.3 (2026), section C.8.20. Frames that a writer left out are empty.</remarks>
public sealed class DicomSegmentation
{
    internal const string SopClass = "1.2.840.10008.5.1.4.1.1.66.4";
    private const string LabelMapSopClass = "1.2.840.10008.5.1.4.1.1.66.7";
    private const double SamePosition = 0.01; // mm
    private const double LargestDepth = 1e6;
    private const long SmallMaps = 1 << 26, VoxelsPerByte = Codecs.PixelDecoder.SamplesPerByte;

    private static readonly DicomTag SegmentSequence = new(0x0062, 0x0002);
    private static readonly DicomTag SegmentNumber = new(0x0062, 0x0004);
    private static readonly DicomTag SegmentIdentificationSequence = new(0x0062, 0x000A);
    private static readonly DicomTag ReferencedSegmentNumber = new(0x0062, 0x000B);

    private static readonly DicomTag TotalPixelMatrixColumns = new(0x0048, 0x0006);
    private static readonly DicomTag PlanePositionSlideSequence = new(0x0048, 0x021A);

    private static readonly DicomTag[] PlaneGroups = [DicomTag.PlanePositionSequence, DicomTag.PlaneOrientationSequence, DicomTag.PixelMeasuresSequence];

    private readonly string path;

    private DicomSegmentation(string path, string type, IReadOnlyList<(int Number, string Name)> segments, IReadOnlyList<Volume> maps) =>
        (this.path, Type, Segments, Maps) = (path, type, segments, maps);

    /// <summary>BINARY, FRACTIONAL or LABELMAP.</summary>
    public string Type { get; }

    /// <summary>Segment numbers and labels.</summary>
    public IReadOnlyList<(int Number, string Name)> Segments { get; }

    /// <summary>For each segment the share of each voxel that it takes, or its probability: 0 to 1.</summary>
    public IReadOnlyList<Volume> Maps { get; }

    /// <summary>Frames of slides have a position in the total pixel matrix (PS3.3, section C.8.12.6.1), or follow from a tiling that the file names.</summary>
    private static bool IsSlide(DicomDataset dataset) =>
        dataset.Has(TotalPixelMatrixColumns) || dataset.Item(DicomTag.PerFrameFunctionalGroupsSequence)?.Has(PlanePositionSlideSequence) == true;

    /// <summary>Whether a data set is a segmentation.</summary>
    internal static bool IsSegmentation(DicomDataset dataset) => dataset.Text(DicomTag.SopClassUid) is SopClass or LabelMapSopClass;

    /// <summary>Reads a segmentation.</summary>
    /// <exception cref="InvalidImageFileException">Damaged, or no segmentation.</exception>
    /// <exception cref="UnsupportedImageException">One without planes in a patient, such as of a microscope slide, or with frames that are not parallel.</exception>
    public static DicomSegmentation Read(string path)
    {
        var dataset = DicomFile.Read(path);
        if (!IsSegmentation(dataset))
        {
            throw new InvalidImageFileException(path, $"SOP class {dataset.Text(DicomTag.SopClassUid)}", $"a segmentation ({SopClass})", "Give a DICOM SEG object.");
        }

        var image = DicomImage.From(dataset);
        if (IsSlide(dataset))
        {
            throw new UnsupportedImageException(path, "a segmentation of a microscope slide, whose frames lie in the plane of the slide and not in a patient", "frames with a place in the patient",
                "Segmentations of slides have no volume and are not read; give one of a CT or MR series.");
        }

        var type = dataset.Text(new(0x0062, 0x0001)) ?? "BINARY";
        var maximum = type == "FRACTIONAL" ? dataset.Integer(new(0x0062, 0x000E)) ?? 255 : 1;
        var segments = dataset.Items(SegmentSequence).Select(s => (Number: s.RequiredInteger(SegmentNumber, "SegmentNumber"), Name: s.Text(new(0x0062, 0x0005)) ?? ""))
            .Where(s => type != "LABELMAP" || s.Number != 0).ToList(); // a label map may describe its background, number 0
        if (segments.Count == 0 || image.Format.Samples != 1 || maximum < 1 || dataset.Items(DicomTag.PerFrameFunctionalGroupsSequence).Count != image.FrameCount)
        {
            throw new InvalidImageFileException(path, $"{segments.Count} segments, {image.Format.Samples} samples a pixel, largest fraction {maximum} and {dataset.Items(DicomTag.PerFrameFunctionalGroupsSequence).Count} functional groups of {image.FrameCount} frames",
                "segments, one sample, and groups for every frame", "The file is damaged; copy it again.");
        }

        var groups = dataset.Items(DicomTag.PerFrameFunctionalGroupsSequence);
        var shared = dataset.Item(DicomTag.SharedFunctionalGroupsSequence);
        if (PlaneGroups.FirstOrDefault(tag => !groups[0].Has(tag) && shared?.Has(tag) != true) is { Group: not 0 } absent)
        {
            throw new UnsupportedImageException(path, $"no functional group {absent} of the frames", "frames with a place in the patient", "Segmentations of projections are not read.");
        }

        var slices = image.PlanarSlices();
        var (grid, index) = Grid(path, slices);
        var most = SmallMaps + VoxelsPerByte * new FileInfo(path).Length; // frames that were left out cost no bytes, but memory
        if (grid.Size.Count > Array.MaxLength || (double)grid.Size.Count * segments.Count > most)
        {
            throw new UnsupportedImageException(path, $"{segments.Count} segments on {grid.Size} voxels", $"at most {Array.MaxLength} voxels a segment and {most} in all for a file of this size", "Export fewer segments.");
        }

        var maps = segments.ConvertAll(_ => new Volume(grid, new float[grid.Size.Count]));
        var stored = new int[image.Format.Count];
        foreach (var slice in slices)
        {
            image.CopyStored(slice.Frame, stored);
            var number = (groups[slice.Frame].Item(SegmentIdentificationSequence) ?? shared?.Item(SegmentIdentificationSequence))?.Integer(ReferencedSegmentNumber);
            for (var s = 0; s < segments.Count; s++)
            {
                if (type != "LABELMAP" && number != segments[s].Number)
                {
                    continue;
                }

                var target = maps[s].Voxels.AsSpan(index(slice) * stored.Length, stored.Length);
                for (var n = 0; n < stored.Length; n++)
                {
                    target[n] = type == "LABELMAP" ? (stored[n] == segments[s].Number ? 1 : 0) : stored[n] / (float)maximum;
                }
            }
        }

        return new(path, type, segments, maps);
    }

    /// <summary>One label map: segment numbers where a segment takes at least half of a voxel.</summary>
    /// <exception cref="InvalidImageFileException">Two segments overlap, or a number is above 255.</exception>
    public LabelMap ToLabels()
    {
        var labels = new byte[Maps[0].Voxels.Length];
        for (var s = 0; s < Segments.Count; s++)
        {
            if (Segments[s].Number is < 1 or > byte.MaxValue)
            {
                throw new InvalidImageFileException(path, $"segment number {Segments[s].Number}", "1 to 255", "Export the segments that are needed.");
            }

            for (var n = 0; n < labels.Length; n++)
            {
                if (Maps[s].Voxels[n] < 0.5f)
                {
                    continue;
                }

                if (labels[n] != 0)
                {
                    throw new InvalidImageFileException(path, $"segments {labels[n]} and {Segments[s].Number} in one voxel", "segments that do not overlap", "Export the segments one by one.");
                }

                labels[n] = (byte)Segments[s].Number;
            }
        }

        return new(Maps[0].Geometry, labels);
    }

    /// <summary>The label map on the grid of a scan, of which a segmentation often holds only the slices with a segment.</summary>
    /// <param name="scan">The grid of the scan.</param>
    /// <exception cref="InvalidImageFileException">As <see cref="ToLabels()"/>, or a segmented voxel is none of the scan's.</exception>
    public LabelMap ToLabels(VolumeGeometry scan)
    {
        var own = ToLabels();
        var toScan = scan.Affine.Inverse().Compose(own.Geometry.Affine);
        var labels = new byte[scan.Size.Count];
        for (var v = 0; v < own.Labels.Length; v++)
        {
            if (own.Labels[v] == 0)
            {
                continue;
            }

            var (i, j, k) = own.Geometry.IndexOf(v);
            var at = toScan.Apply(new(i, j, k));
            var (x, y, z) = ((int)Math.Round(at.X), (int)Math.Round(at.Y), (int)Math.Round(at.Z));
            if ((new Vector3D(x, y, z) - at).Length > 0.05 || x < 0 || y < 0 || z < 0 || x >= scan.Size.Width || y >= scan.Size.Height || z >= scan.Size.Depth)
            {
                throw new InvalidImageFileException(path, FormattableString.Invariant($"a segmented voxel at index ({at.X:F2}, {at.Y:F2}, {at.Z:F2}) of the scan"), $"one of its {scan.Size} voxels",
                    "Give the segmentation of this scan, on its own frames.");
            }

            labels[x + scan.Size.Width * (y + scan.Size.Height * (long)z)] = own.Labels[v];
        }

        return new(scan, labels);
    }

    /// <summary>The grid that holds all frames, in equal steps from the first to the last, and the slice index of a frame.</summary>
    private static (VolumeGeometry Grid, Func<DicomSlice, int> Index) Grid(string path, IReadOnlyList<DicomSlice> slices)
    {
        var first = slices[0].Plane;
        var normal = first.Normal;
        if (slices.Any(s => (s.Plane.Normal - normal).Length > 1e-3 || (s.Plane.RowDirection - first.RowDirection).Length > 1e-3))
        {
            throw new UnsupportedImageException(path, "frames that are not parallel", "one stack", "Export the segmentation on the slices of the scan.");
        }

        var sorted = slices.Select(s => s.Plane.Position).OrderBy(p => p.Dot(normal)).ToList();
        var (low, high) = (sorted[0], sorted[^1]);
        var distances = sorted.Skip(1).Zip(sorted, (b, a) => (b - a).Dot(normal)).Where(d => d > SamePosition).ToList();
        var height = distances.Sum();
        var spacing = Spacing(distances, first.Thickness ?? 0);
        if (height / spacing > LargestDepth)
        {
            throw new UnsupportedImageException(path, FormattableString.Invariant($"frames over {height:G3} mm in steps of {spacing:G3}"), "frames of one scan", "Export the segmentation on the slices of the scan.");
        }

        // Positions are often rounded to hundredths: only from end to end do the roundings not add up.
        var steps = (int)distances.Sum(d => Math.Round(d / spacing));
        var sideways = high - low - (high - low).Dot(normal) * normal;
        var step = steps == 0 ? spacing * normal : 1.0 / steps * (high - low - (sideways.Length > 2 * SamePosition ? default : sideways));
        int Index(DicomSlice slice) => (int)Math.Round((slice.Plane.Position - low).Dot(normal) / step.Dot(normal));
        if (slices.FirstOrDefault(s => (s.Plane.Position - low - Index(s) * step).Length > Math.Max(2 * SamePosition, 0.02 * spacing)) is { } odd)
        {
            throw new UnsupportedImageException(path, FormattableString.Invariant($"frame {odd.Frame + 1}, which does not lie on a stack with steps of {step.Length:F2} mm"), "frames in equal steps", "Export the segmentation on the slices of the scan.");
        }

        var grid = new VolumeGeometry(new(slices[0].Columns, slices[0].Rows, steps + 1), new(
            DicomPlane.ToRas(first.ColumnSpacing * first.RowDirection), DicomPlane.ToRas(first.RowSpacing * first.ColumnDirection), DicomPlane.ToRas(step), DicomPlane.ToRas(low)));
        return grid.Affine.IsSheared
            ? throw new UnsupportedImageException(path, FormattableString.Invariant($"frames shifted by {(step - step.Dot(normal) * normal).Length:F2} mm in every step of {step.Length:F2} mm"), "frames stacked along their normal", "Export the segmentation on the slices of the scan.")
            : (grid, Index);
    }

    /// <summary>The distance between neighbours, mm: what the file says where all distances are multiples of it, because frames can be left out everywhere; else the mean of the smallest ones.</summary>
    private static double Spacing(List<double> distances, double thickness)
    {
        if (thickness > SamePosition && distances.TrueForAll(d => Math.Abs(d / thickness - Math.Round(d / thickness)) < 0.02))
        {
            return thickness;
        }

        return distances.Count == 0 ? 1 : distances.Where(d => d < 1.5 * distances.Min()).Average();
    }
}
