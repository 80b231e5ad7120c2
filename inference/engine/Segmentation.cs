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
    /// <remarks>
    /// Everything is written into a temporary folder inside <paramref name="folder"/> first and moved when it is whole; the report goes last. A temporary folder that a
    /// killed process left there is removed. What else lies in the folder stays.
    /// </remarks>
    /// <param name="folder">Created when missing; the files of an earlier result are replaced, and those that this one has not are deleted.</param>
    /// <param name="dicom">Writes the DICOM objects too; null writes none.</param>
    /// <param name="addFiles">Called with the temporary folder, to write more files that belong to the result.</param>
    public void Save(string folder, DicomResults? dicom = null, Action<string>? addFiles = null)
    {
        Directory.CreateDirectory(folder);
        foreach (var left in Directory.GetDirectories(folder, UnfinishedPrefix + "*"))
        {
            Directory.Delete(left, recursive: true);
        }

        var unfinished = Directory.CreateDirectory(Path.Combine(folder, $"{UnfinishedPrefix}{Guid.NewGuid():N}")).FullName;
        try
        {
            NiftiFile.Write(Path.Combine(unfinished, "segmentation.nii.gz"), Prediction.Segmentation);
            foreach (var (probability, @class) in Prediction.Probabilities.Zip(Report.Classes))
            {
                NiftiFile.Write(Path.Combine(unfinished, $"{ProbabilityName(@class)}.nii.gz"), probability);
            }

            NiftiFile.Write(Path.Combine(unfinished, "predictive-entropy.nii.gz"), Prediction.PredictiveEntropy);
            NiftiFile.Write(Path.Combine(unfinished, "mutual-information.nii.gz"), Prediction.MutualInformation);
            LesionFiles.Write(unfinished, Prediction.Segmentation.Geometry, Prediction.Lesions);
            dicom?.Write(unfinished, this);
            addFiles?.Invoke(unfinished);
            OutputFile.WriteText(Path.Combine(unfinished, ReportFile), JsonSerializer.Serialize(Report, ReportJson.Default.PredictionReport) + "\n");

            File.Delete(Path.Combine(folder, ReportFile));
            foreach (var file in Directory.GetFiles(folder).Where(f => IsResult(Path.GetFileName(f))))
            {
                File.Delete(file); // of an earlier result, maybe of another patient
            }

            foreach (var file in Directory.GetFiles(unfinished).OrderBy(f => Path.GetFileName(f) == ReportFile))
            {
                File.Move(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
            }

            OutputFile.FlushFolder(folder);
        }
        finally
        {
            Directory.Delete(unfinished, recursive: true);
        }
    }

    private const string UnfinishedPrefix = $"{OutputFile.UnfinishedFolder}-";

    /// <summary>Whether a file is one that a result may have.</summary>
    private static bool IsResult(string name) => name is ReportFile or "report.html" or "lesions.csv" or "lesions.json" or "lesions.nii.gz" or "picture.dcm"
        || (name.EndsWith(".nii.gz", StringComparison.Ordinal) || name.EndsWith(".dcm", StringComparison.Ordinal))
        && name[..name.IndexOf('.', StringComparison.Ordinal)] is var map
        && (map is "segmentation" or "predictive-entropy" or "mutual-information" or "probability" || map.StartsWith("probability-", StringComparison.Ordinal));

    /// <summary>Name of the probability map of a class, without extension.</summary>
    internal string ProbabilityName(ClassReport @class) => Report.Classes.Count == 1 ? "probability" : $"probability-{FileName(@class)}";

    /// <summary>A class name comes from the model file: only letters, digits, hyphens and underscores become part of a path.</summary>
    private static string FileName(ClassReport @class)
    {
        var name = string.Concat(@class.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '-'));
        return $"{@class.Label}-{name[..Math.Min(name.Length, 64)]}";
    }
}
