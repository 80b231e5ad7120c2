using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Inference.Lesions;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference;

/// <summary>The result of one case: maps on the grid of the scan, and the report.</summary>
/// <param name="Prediction">Segmentation, probability and uncertainty maps.</param>
/// <param name="Report">What was run, and the figures.</param>
public sealed partial record Segmentation(Prediction Prediction, PredictionReport Report)
{
    /// <summary>Name of the report's file. It is written last: a folder without it is not finished.</summary>
    public const string ReportFile = "report.json";

    /// <summary>
    /// Writes <c>segmentation.nii.gz</c>, <c>probability.nii.gz</c> (<c>probability-&lt;class&gt;.nii.gz</c> for several foreground classes),
    /// <c>predictive-entropy.nii.gz</c>, <c>mutual-information.nii.gz</c>, <c>lesions.nii.gz</c> (a number a lesion), <c>lesions.csv</c>, <c>lesions.json</c> and <c>report.json</c>.
    /// </summary>
    /// <remarks>
    /// Everything is written into a temporary folder inside <paramref name="folder"/> first and moved when it is whole; the report goes last. A temporary folder that a
    /// killed process left there is removed. What else lies in the folder stays; a file with the name of a result and no report beside it is another's, and refused.
    /// </remarks>
    /// <param name="folder">Created when missing; the files of an earlier result are replaced, and those that this one has not are deleted.</param>
    /// <param name="dicom">Writes the DICOM objects too; null writes none.</param>
    /// <param name="addFiles">Called with the temporary folder, to write more files that belong to the result.</param>
    /// <exception cref="InvalidImageFileException">The folder has a file with the name of a result that is none.</exception>
    public void Save(string folder, DicomResults? dicom = null, Action<string>? addFiles = null)
    {
        RefuseOthers(folder);
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

    /// <summary>Makes sure, before the work of a prediction, that <see cref="Save"/> will have a place: a folder that may be written, and that holds nothing of its names but an earlier result.</summary>
    /// <param name="folder">Nothing is left in it; it need not exist.</param>
    /// <exception cref="InvalidImageFileException">A file has the name of a result and is none.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    internal static void CheckFolder(string folder)
    {
        RefuseOthers(folder);
        var existing = Path.GetFullPath(folder);
        while (!Path.Exists(existing))
        {
            existing = Path.GetDirectoryName(existing)!;
        }

        Directory.Delete(Directory.CreateDirectory(Path.Combine(existing, $"{UnfinishedPrefix}{Guid.NewGuid():N}")).FullName);
    }

    /// <summary>Whether a file has a name that a result may have.</summary>
    internal static bool IsResult(string name) => ResultFile().IsMatch(name);

    [GeneratedRegex(@"^(report\.(json|html)|lesions\.(csv|json|nii\.gz)|picture\.dcm|(segmentation|predictive-entropy|mutual-information|probability(-\d{1,3}-[A-Za-z0-9_-]{0,64})?)\.(nii\.gz|dcm))\z")]
    private static partial Regex ResultFile();

    /// <summary>What has the name of a result is one where a report lies beside it, or in the folder of a run that was killed when it moved its files.</summary>
    private static void RefuseOthers(string folder)
    {
        if (Directory.Exists(folder) && Directory.GetFiles(folder).FirstOrDefault(f => IsResult(Path.GetFileName(f))) is { } file
            && !Directory.GetDirectories(folder, UnfinishedPrefix + "*").Prepend(folder).Any(f => IsReport(Path.Combine(f, ReportFile))))
        {
            throw new InvalidImageFileException(file, $"a file without the {ReportFile} of a result beside it", "a folder in which no file has the name of a result, or an earlier result that may be replaced",
                "Give another output folder (--output), or move the file away.");
        }
    }

    private static bool IsReport(string path)
    {
        try
        {
            using var json = File.Exists(path) ? JsonDocument.Parse(File.ReadAllBytes(path)) : null;
            return json?.RootElement is { ValueKind: JsonValueKind.Object } report && report.TryGetProperty("modelSha256", out _) && report.TryGetProperty("classes", out _);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Name of the probability map of a class, without extension.</summary>
    internal string ProbabilityName(ClassReport @class) => Report.Classes.Count == 1 ? "probability" : $"probability-{FileName(@class)}";

    /// <summary>A class name comes from the model file: only letters, digits, hyphens and underscores become part of a path.</summary>
    private static string FileName(ClassReport @class)
    {
        var name = string.Concat(@class.Name.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '-'));
        return $"{@class.Label}-{name[..Math.Min(name.Length, 64)]}";
    }
}
