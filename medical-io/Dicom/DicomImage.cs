using System.Buffers;
using System.Buffers.Binary;
using Credence.MedicalIO.Dicom.Codecs;

namespace Credence.MedicalIO.Dicom;

/// <summary>One slice of an image file: a frame, or a tile of one.</summary>
/// <param name="Path">The file.</param>
/// <param name="Frame">Which frame of it, from 0.</param>
/// <param name="Row">First row of the slice in the frame.</param>
/// <param name="Column">First column.</param>
/// <param name="Rows">Rows of the slice.</param>
/// <param name="Columns">Columns of the slice.</param>
/// <param name="Plane">Where it lies.</param>
/// <param name="Lut">From stored to modality values.</param>
/// <param name="Type">Image type: what was measured. Slices of one volume are of one type.</param>
/// <param name="Echo">Echo time, ms; null where there is none. Slices of one volume are of one echo.</param>
/// <param name="LeastBytes">Bytes of the file that a pixel takes at least.</param>
/// <param name="IsWide">Whether pixels are integers of more bits than the 24 of float32.</param>
/// <param name="Order">Orders the slices that lie at one position: acquisition, time, instance, frame.</param>
internal sealed record DicomSlice(
    string Path, int Frame, int Row, int Column, int Rows, int Columns, DicomPlane Plane, ModalityLut Lut, string Type, double? Echo, double LeastBytes, bool IsWide, (int Acquisition, int Time, int Instance, int Frame) Order)
{
    /// <summary>The file and, of several frames, which.</summary>
    public string Name => System.IO.Path.GetFileName(Path) + (Frame > 0 ? $" frame {Frame + 1}" : "");
}

/// <summary>An image file: its Image Pixel module, its slices and, where it was read whole, its pixels.</summary>
internal sealed class DicomImage
{
    /// <summary>Of pixels of a single bit, the smallest.</summary>
    public const double LeastBytesUncompressed = 1.0 / 8;

    private readonly DicomDataset dataset;
    private readonly Lazy<short[]> mosaic; // the only frame of an image whose slices are tiles, decoded once for all of them
    private PixelDecoder? decoder;
    private long rounded;

    private DicomImage(DicomDataset dataset)
    {
        this.dataset = dataset;
        mosaic = new(DecodeMosaic);
        var rows = dataset.RequiredInteger(DicomTag.Rows, "Rows");
        var columns = dataset.RequiredInteger(DicomTag.Columns, "Columns");
        var samples = dataset.Integer(DicomTag.SamplesPerPixel) ?? 1;
        var allocated = dataset.RequiredInteger(DicomTag.BitsAllocated, "BitsAllocated");
        var stored = dataset.Integer(DicomTag.BitsStored) ?? allocated;
        var highBit = dataset.Integer(DicomTag.HighBit) ?? stored - 1;
        FrameCount = dataset.Has(DicomTag.NumberOfFrames) ? dataset.IntegerText(DicomTag.NumberOfFrames) ?? 1 : 1;
        if (rows < 1 || columns < 1 || samples is < 1 or > 4 || FrameCount < 1 || (long)rows * columns * samples > Array.MaxLength / 4)
        {
            throw new InvalidImageFileException(dataset.Path, $"{columns} columns, {rows} rows, {samples} samples and {FrameCount} frames", "at least 1 of each", "The file is damaged; copy it again.");
        }

        if (allocated is not (1 or 8 or 16 or 32 or 64) || stored < 1 || stored > allocated || highBit < stored - 1 || highBit >= allocated)
        {
            throw new UnsupportedImageException(dataset.Path, $"{allocated} bits allocated, {stored} stored, high bit {highBit}", "1, 8, 16 or 32 bits that hold the stored ones", "Convert it with `gdcmconv --raw`.");
        }

        Format = new(rows, columns, samples, allocated, stored, highBit, dataset.Integer(DicomTag.PixelRepresentation) == 1, dataset.Integer(DicomTag.PlanarConfiguration) == 1);
    }

    /// <summary>What a frame holds.</summary>
    public FrameFormat Format { get; }

    /// <summary>Number of frames.</summary>
    public int FrameCount { get; }

    /// <summary>Made when pixels are first asked for; several threads may ask.</summary>
    private PixelDecoder Decoder => LazyInitializer.EnsureInitialized(ref decoder, () => new(dataset, Format, FrameCount));

    /// <summary>The attributes.</summary>
    public DicomDataset Dataset => dataset;

    /// <summary>Whether pixels are floating point numbers (Parametric Map).</summary>
    public bool IsFloat => dataset.Has(DicomTag.FloatPixelData) || dataset.Has(DicomTag.DoubleFloatPixelData);

    /// <summary>Bytes of the file that a pixel takes at least.</summary>
    private double LeastBytes => dataset.Syntax is { Pixels: PixelEncoding.Native, IsDeflated: false } ? Format.BitsAllocated * LeastBytesUncompressed : 1.0 / PixelDecoder.SamplesPerByte;

    /// <summary>Whether pixels are whole numbers of at most 16 bits.</summary>
    public bool HasWords => !IsFloat && Format is { Samples: 1, BitsAllocated: <= 16 };

    /// <summary>Whether pixels are integers that float32 may round.</summary>
    private bool IsWide => !IsFloat && Format.BitsStored > 24;

    /// <summary>Pixels so far that float32 does not hold exactly, where no modality LUT changes them.</summary>
    public long Rounded => Interlocked.Read(ref rounded);

    /// <summary>Whether a data set describes an image at all: reports, plans and directories do not.</summary>
    public static bool IsImage(DicomDataset dataset) => dataset.Has(DicomTag.Rows) && dataset.Has(DicomTag.Columns);

    /// <summary>Takes the image from attributes.</summary>
    /// <exception cref="InvalidImageFileException">An attribute is missing or impossible.</exception>
    /// <exception cref="UnsupportedImageException">The pixels are of a kind that is not read.</exception>
    public static DicomImage From(DicomDataset dataset) => new(dataset);

    /// <summary>Reads a file with its pixels.</summary>
    public static DicomImage Read(string path) => From(DicomFile.Read(path));

    /// <summary>Reads a file with its pixels into memory that is used again afterwards: nothing of the image may be kept.</summary>
    public static void Read(string path, Action<DicomImage> use) => DicomFile.Read(path, dataset => use(From(dataset)));

    /// <summary>The slices, in the order of the file.</summary>
    /// <exception cref="InvalidImageFileException">The place of one is missing or impossible.</exception>
    /// <exception cref="UnsupportedImageException">A colour image.</exception>
    public IReadOnlyList<DicomSlice> Slices()
    {
        if (Format.Samples != 1 || dataset.Text(DicomTag.PhotometricInterpretation) is { } photometric && photometric is not ("MONOCHROME1" or "MONOCHROME2"))
        {
            throw new UnsupportedImageException(dataset.Path, $"a colour image ({dataset.Text(DicomTag.PhotometricInterpretation) ?? $"{Format.Samples} samples"})", "MONOCHROME1 or MONOCHROME2", "Leave it out of the folder.");
        }

        return PlanarSlices();
    }

    /// <summary>The slices of a scan, of a segmentation or of a map, whatever their pixels mean.</summary>
    internal IReadOnlyList<DicomSlice> PlanarSlices()
    {
        var instance = dataset.IntegerText(DicomTag.InstanceNumber) ?? 0;
        var acquisition = dataset.IntegerText(DicomTag.AcquisitionNumber) ?? 0;
        return dataset.Items(DicomTag.PerFrameFunctionalGroupsSequence) is { Count: > 0 } groups
            ? Enhanced(groups, instance, acquisition)
            : Classic(instance, acquisition);
    }

    /// <summary>Decodes a frame.</summary>
    /// <param name="frame">Which, from 0.</param>
    /// <param name="samples">Rows x Columns x Samples stored values, sample fastest.</param>
    public void CopyStored(int frame, Span<int> samples) => Decoder.Decode(frame, samples);

    /// <summary>Decodes the pixels of a slice: modality values.</summary>
    /// <param name="slice">Of this image.</param>
    /// <param name="target">Rows x Columns of the slice, column fastest.</param>
    public void CopyPixels(DicomSlice slice, Span<float> target)
    {
        if (IsFloat)
        {
            CopyFloats(slice, target);
            return;
        }

        if (HasWords && slice.Lut.Table is null)
        {
            var words = ArrayPool<short>.Shared.Rent(slice.Rows * slice.Columns);
            CopyWords(slice, words.AsSpan(0, slice.Rows * slice.Columns));
            StoredVolume.Measure(words.AsSpan(0, slice.Rows * slice.Columns), Format.IsSigned, slice.Lut.Slope, slice.Lut.Intercept, target);
            ArrayPool<short>.Shared.Return(words);
            return;
        }

        var stored = ArrayPool<int>.Shared.Rent(Format.Count);
        try
        {
            CopyStored(slice.Frame, stored.AsSpan(0, Format.Count));
            var (count, isCounted) = (0L, IsWide && slice.Lut is { Slope: 1, Intercept: 0, Table: null });
            for (var y = 0; y < slice.Rows; y++)
            {
                var row = stored.AsSpan((slice.Row + y) * Format.Columns + slice.Column, slice.Columns);
                for (var x = 0; x < row.Length; x++)
                {
                    var value = target[y * slice.Columns + x] = slice.Lut.Apply(row[x]);
                    count += isCounted && (double)value != row[x] ? 1 : 0;
                }
            }

            Interlocked.Add(ref rounded, count);
        }
        finally
        {
            ArrayPool<int>.Shared.Return(stored);
        }
    }

    /// <summary>Decodes the pixels of a slice of an image that <see cref="HasWords"/>: stored values.</summary>
    /// <param name="slice">Of this image.</param>
    /// <param name="target">Rows x Columns of the slice, column fastest; the bits of unsigned values above 32767 are those of negative ones.</param>
    public void CopyWords(DicomSlice slice, Span<short> target)
    {
        if ((slice.Rows, slice.Columns) == (Format.Rows, Format.Columns))
        {
            Decoder.DecodeWords(slice.Frame, target);
            return;
        }

        var frame = mosaic.Value; // of which the slice is a tile
        for (var y = 0; y < slice.Rows; y++)
        {
            frame.AsSpan((slice.Row + y) * Format.Columns + slice.Column, slice.Columns).CopyTo(target[(y * slice.Columns)..]);
        }
    }

    private short[] DecodeMosaic()
    {
        var frame = new short[Format.Pixels];
        Decoder.DecodeWords(0, frame);
        return frame;
    }

    private void CopyFloats(DicomSlice slice, Span<float> target)
    {
        var (tag, size) = dataset.Has(DicomTag.FloatPixelData) ? (DicomTag.FloatPixelData, 4) : (DicomTag.DoubleFloatPixelData, 8);
        var bytes = dataset.Element(tag)!.Value.Span;
        var start = (long)slice.Frame * Format.Pixels * size;
        if (start + (long)Format.Pixels * size > bytes.Length)
        {
            throw new InvalidImageFileException(dataset.Path, $"{bytes.Length} bytes of pixels", $"{FrameCount} frames of {Format.Pixels * size}", "The file is cut short; copy it again.");
        }

        bytes = bytes[(int)start..];
        for (var n = 0; n < target.Length; n++)
        {
            target[n] = (size, dataset.Syntax.IsBigEndian) switch
            {
                (4, false) => BinaryPrimitives.ReadSingleLittleEndian(bytes[(4 * n)..]),
                (4, true) => BinaryPrimitives.ReadSingleBigEndian(bytes[(4 * n)..]),
                (_, false) => (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * n)..]),
                _ => (float)BinaryPrimitives.ReadDoubleBigEndian(bytes[(8 * n)..]),
            };
        }
    }

    private List<DicomSlice> Classic(int instance, int acquisition)
    {
        var plane = DicomPlane.Read(dataset, dataset, dataset);
        var lut = ModalityLut.Read(dataset, Format.IsSigned);
        var (type, echo) = (string.Join('\\', ImageType()), dataset.Label(DicomTag.EchoTime));
        var time = dataset.IntegerText(DicomTag.TemporalPositionIdentifier) ?? 0;
        if (FrameCount > 1)
        {
            throw new UnsupportedImageException(dataset.Path, $"{FrameCount} frames without functional groups, so without places", "an enhanced multi-frame image, or one file a slice", "Export the series as single files.");
        }

        if (SiemensMosaic.Read(dataset, Format.Rows, Format.Columns, plane.Normal) is not { } mosaic)
        {
            return [new(dataset.Path, 0, 0, 0, Format.Rows, Format.Columns, plane, lut, type, echo, LeastBytes, IsWide, (acquisition, time, instance, 0))];
        }

        var (rows, columns) = (Format.Rows / mosaic.TilesAcross, Format.Columns / mosaic.TilesAcross);
        return [.. Enumerable.Range(0, mosaic.Slices).Select(s => new DicomSlice(
            dataset.Path, 0, s / mosaic.TilesAcross * rows, s % mosaic.TilesAcross * columns, rows, columns,
            mosaic.Plane(plane, Format.Rows, Format.Columns, s, plane.Thickness ?? 1), lut, type, echo, LeastBytes, IsWide, (acquisition, time, instance, s)))];
    }

    private List<DicomSlice> Enhanced(IReadOnlyList<DicomDataset> groups, int instance, int acquisition)
    {
        if (groups.Count != FrameCount)
        {
            throw new InvalidImageFileException(dataset.Path, $"{groups.Count} per-frame functional groups", $"{FrameCount}, one a frame", "The file is damaged; copy it again.");
        }

        var shared = dataset.Item(DicomTag.SharedFunctionalGroupsSequence);
        var slices = new List<DicomSlice>(FrameCount);
        var (luts, types) = (new Dictionary<DicomDataset, ModalityLut>(), new Dictionary<DicomDataset, string>()); // what frames share is decoded and kept once
        for (var frame = 0; frame < FrameCount; frame++)
        {
            DicomDataset Group(DicomTag tag, string name) => groups[frame].Item(tag) ?? shared?.Item(tag) ?? throw dataset.Missing(tag, name);
            DicomDataset? Optional(DicomTag tag) => groups[frame].Item(tag) ?? shared?.Item(tag);

            var plane = DicomPlane.Read(Group(DicomTag.PlanePositionSequence, "PlanePositionSequence"), Group(DicomTag.PlaneOrientationSequence, "PlaneOrientationSequence"),
                Group(DicomTag.PixelMeasuresSequence, "PixelMeasuresSequence"));
            var content = Optional(DicomTag.FrameContentSequence);
            var echo = Optional(DicomTag.MrEchoSequence)?.DoubleLabel(DicomTag.EffectiveEchoTime);
            var type = FrameTypeSequences.Select(Optional).FirstOrDefault(d => d is not null) is { } typed ? Once(types, typed, t => string.Join('\\', t.Texts(DicomTag.FrameType))) : "";
            var lut = Once(luts, Optional(DicomTag.PixelValueTransformationSequence) ?? dataset, t => ModalityLut.Read(t, Format.IsSigned));
            slices.Add(new(dataset.Path, frame, 0, 0, Format.Rows, Format.Columns, plane, lut, type, echo, LeastBytes, IsWide,
                (acquisition, content?.Integer(DicomTag.TemporalPositionIndex) ?? 0, instance, frame)));
        }

        return slices;

        static T Once<T>(Dictionary<DicomDataset, T> known, DicomDataset group, Func<DicomDataset, T> read) =>
            known.TryGetValue(group, out var value) ? value : known[group] = read(group);
    }

    /// <summary>Of CT the values that the standard defines (PS3.3, section C.8.2.1.1.1): vendors add others that vary within one acquisition.</summary>
    private string[] ImageType() =>
        dataset.Texts(DicomTag.ImageType) is var type && dataset.Text(DicomTag.Modality) == "CT" ? [.. type.Take(3)] : type;

    /// <summary>MR and CT Image Frame Type sequences.</summary>
    private static readonly DicomTag[] FrameTypeSequences = [new(0x0018, 0x9226), new(0x0018, 0x9329)];
}
