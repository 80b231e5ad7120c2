using System.Globalization;
using System.Text.Json;
using Credence.Inference.Lesions;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference;

/// <summary>The result of one case: maps on the grid of the scan, and the report.</summary>
/// <param name="Prediction">Segmentation, probability and uncertainty maps.</param>
/// <param name="Report">What was run, and the figures.</param>
public sealed record Segmentation(Prediction Prediction, PredictionReport Report)
{
    /// <summary>Name of the report's file. It is written last: a folder without it is not finished.</summary>
    public const string ReportFile = "report.json";

    /// <summary>
    /// Writes <c>segmentation.nii.gz</c>, <c>probability.nii.gz</c> (<c>probability-&lt;class&gt;.nii.gz</c> for several foreground classes),
    /// <c>predictive-entropy.nii.gz</c>, <c>mutual-information.nii.gz</c>, <c>lesions.nii.gz</c> (a number a lesion), <c>lesions.csv</c>, <c>lesions.json</c> and <c>report.json</c>.
    /// </summary>
    /// <remarks>Everything is written into a temporary folder first and moved when it is whole; the report goes last.</remarks>
    /// <param name="folder">Created when missing; files of an earlier result are replaced.</param>
    /// <param name="addFiles">Called with the temporary folder, to write more files that belong to the result.</param>
    public void Save(string folder, Action<string>? addFiles = null)
    {
        var unfinished = $"{Path.GetFullPath(folder)}.{Guid.NewGuid():N}.part";
        Directory.CreateDirectory(unfinished);
        try
        {
            NiftiFile.Write(Path.Combine(unfinished, "segmentation.nii.gz"), Prediction.Segmentation);
            foreach (var (probability, @class) in Prediction.Probabilities.Zip(Report.Classes))
            {
                var name = Report.Classes.Count == 1 ? "probability" : $"probability-{FileName(@class)}";
                NiftiFile.Write(Path.Combine(unfinished, $"{name}.nii.gz"), probability);
            }

            NiftiFile.Write(Path.Combine(unfinished, "predictive-entropy.nii.gz"), Prediction.PredictiveEntropy);
            NiftiFile.Write(Path.Combine(unfinished, "mutual-information.nii.gz"), Prediction.MutualInformation);
            var numbers = Prediction.Lesions.Numbers;
            NiftiFile.Write(Path.Combine(unfinished, "lesions.nii.gz"), new Volume(Prediction.Segmentation.Geometry, Array.ConvertAll(numbers, n => (float)n)),
                Report.Lesions.Count <= short.MaxValue ? NiftiDataType.Int16 : NiftiDataType.Int32);
            OutputFile.WriteText(Path.Combine(unfinished, "lesions.json"), JsonSerializer.Serialize(Report.Lesions, ReportJson.Default.IReadOnlyListLesion) + "\n");
            OutputFile.WriteCsv(Path.Combine(unfinished, "lesions.csv"), LesionColumns, Report.Lesions.Select(Row));
            addFiles?.Invoke(unfinished);
            OutputFile.WriteText(Path.Combine(unfinished, ReportFile), JsonSerializer.Serialize(Report, ReportJson.Default.PredictionReport) + "\n");

            Directory.CreateDirectory(folder);
            File.Delete(Path.Combine(folder, ReportFile));
            foreach (var file in Directory.GetFiles(unfinished).OrderBy(f => Path.GetFileName(f) == ReportFile))
            {
                File.Move(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
            }
        }
        finally
        {
            Directory.Delete(unfinished, recursive: true);
        }
    }

    private static readonly string[] LesionColumns =
    [
        "lesion", "class", "label", "voxels", "volume-ml", "sample-mean-volume-ml", "volume-low-95-ml", "volume-high-95-ml", "existence-probability", "structural-uncertainty",
        "mean-probability", "peak-probability", "mean-entropy-nats", "mean-mutual-information-nats", "centroid-r-mm", "centroid-a-mm", "centroid-s-mm", "peak-r-mm", "peak-a-mm", "peak-s-mm",
    ];

    private static string?[] Row(Lesion lesion)
    {
        static string? Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture);
        return
        [
            Number(lesion.Number), lesion.Class, Number(lesion.Label), Number(lesion.Voxels), Number(lesion.Volume), Number(lesion.SampleMeanVolume),
            Number(lesion.SampleVolumeInterval?[0]), Number(lesion.SampleVolumeInterval?[1]), Number(lesion.ExistenceProbability), Number(lesion.StructuralUncertainty),
            Number(lesion.MeanProbability), Number(lesion.PeakProbability), Number(lesion.MeanEntropy), Number(lesion.MeanMutualInformation),
            Number(lesion.Centroid.X), Number(lesion.Centroid.Y), Number(lesion.Centroid.Z), Number(lesion.Peak.X), Number(lesion.Peak.Y), Number(lesion.Peak.Z),
        ];
    }

    /// <summary>A class name comes from the model file: only letters, digits, hyphens and underscores become part of a path.</summary>
    private static string FileName(ClassReport @class)
    {
        var name = string.Concat(@class.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '-'));
        return $"{@class.Label}-{name[..Math.Min(name.Length, 64)]}";
    }
}
