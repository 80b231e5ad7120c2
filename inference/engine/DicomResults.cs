using System.Globalization;
using Credence.MedicalIO.Dicom.Results;

namespace Credence.Inference;

/// <summary>Writes the result of a case as DICOM objects, each a series of its own in the study of the scan.</summary>
public sealed class DicomResults
{
    private const int FirstSeriesNumber = 900;
    private const int HeaderBytes = 1 << 16, FrameBytes = 1 << 12; // of attributes, and of those of a frame, at most

    private readonly Scan scan;
    private readonly DicomSource source;

    /// <summary>Takes the scan that results refer to: the first channel of the case.</summary>
    /// <exception cref="InvalidScanException">The scan is not of DICOM, or its maps would not fit into a file.</exception>
    /// <exception cref="MedicalIO.InvalidImageFileException">The series lacks an attribute that identifies it.</exception>
    public DicomResults(Scan scan)
    {
        this.scan = scan;
        source = DicomSource.From(scan.Stack ?? throw new InvalidScanException(
            scan.Name, "no DICOM series", "a DICOM series, in whose study results can lie", "Leave out the DICOM results, or give the series of the scan."));
        var size = source.Geometry.Size;
        var bytes = HeaderBytes + (long)FrameBytes * size.Depth + sizeof(float) * size.Count;
        if (bytes > Array.MaxLength)
        {
            throw new InvalidScanException(scan.Name, $"{size} voxels, of which a map takes {bytes} bytes", $"at most {Array.MaxLength}, which one DICOM object is written in", "Leave out the DICOM results: NIfTI has no such limit.");
        }
    }

    /// <summary>
    /// Writes <c>segmentation.dcm</c> (BINARY segmentation), <c>probability.dcm</c> (<c>probability-&lt;class&gt;.dcm</c> for several foreground classes),
    /// <c>predictive-entropy.dcm</c> and <c>mutual-information.dcm</c> (parametric maps), and <c>picture.dcm</c> (secondary capture of the slices with lesions).
    /// </summary>
    /// <param name="folder">It exists.</param>
    /// <param name="segmentation">The result of the scan.</param>
    public void Write(string folder, Segmentation segmentation)
    {
        var (prediction, report) = segmentation;
        var classes = report.Classes.Count + 1;
        var number = FirstSeriesNumber;
        (string Path, DicomResultOptions Options) Next(string name, string description) => (Path.Combine(folder, $"{name}.dcm"), new()
        {
            Description = $"{description} ({report.Model})",
            SeriesNumber = number++,
            Algorithm = report.Model,
            AlgorithmVersion = report.ModelSha256[..16],
            Created = DateTimeOffset.Parse(report.CreatedAt, CultureInfo.InvariantCulture).LocalDateTime,
        });

        var (path, options) = Next("segmentation", "Segmentation");
        SegmentationWriter.WriteBinary(path, prediction.Segmentation, [.. report.Classes.Select(c => DicomSegment.Of(c.Label, c.Name))], source, options);
        foreach (var (map, @class) in prediction.Probabilities.Zip(report.Classes))
        {
            (path, options) = Next(segmentation.ProbabilityName(@class), $"Probability of {@class.Name}");
            ParametricMapWriter.Write(path, map, ParametricMapQuantity.Probability(@class.Name), source, options);
        }

        (path, options) = Next("predictive-entropy", "Predictive entropy");
        ParametricMapWriter.Write(path, prediction.PredictiveEntropy, ParametricMapQuantity.PredictiveEntropy(classes), source, options);
        (path, options) = Next("mutual-information", "Mutual information");
        ParametricMapWriter.Write(path, prediction.MutualInformation, ParametricMapQuantity.MutualInformation(classes), source, options);
        (path, options) = Next("picture", "Outlines and predictive entropy");
        var picture = SlicePictures.Of(scan.Volume, prediction, Math.Log(classes));
        SecondaryCaptureWriter.Write(path, picture.Width, picture.Height, picture.Frames, hasText: false, source, options);
    }
}
