using Credence.Inference;
using Credence.MedicalIO.Dicom;

namespace Credence.InferenceCli.Batch;

/// <summary>Finds the cases of a tree.</summary>
/// <param name="root">The tree.</param>
/// <param name="output">Left out where it lies in the tree; without a separator at its end.</param>
/// <param name="rules">How channels are recognised.</param>
/// <param name="note">Told, once each, of files that are left out, such as screenshots.</param>
internal sealed class CaseFinder(string root, string output, ChannelRules rules, Action<string> note)
{
    private readonly NiftiCases nifti = new(root, rules);
    private readonly HashSet<string> noted = [];

    /// <summary>All files that could belong to a case, sorted; hidden ones, those in hidden folders, and whatever is named as a result is are left out.</summary>
    public IReadOnlyList<string> Files() => [.. DicomSeries.FilesBelow(root).Where(f =>
        !f.StartsWith(output + "/", StringComparison.Ordinal) && !Segmentation.IsResult(Path.GetFileName(f)) && !Path.GetRelativePath(root, f).Split('/').Any(part => part.StartsWith('.')))];

    /// <summary>Cases by name, with those whose scans cannot be told.</summary>
    public IReadOnlyList<BatchCase> Find(IReadOnlyList<string> files, CancellationToken cancellation) =>
        CaseName.MakeUnique(nifti.Find(files).Concat(new DicomCases(root, rules, Note).Find(files, cancellation)));

    private void Note(string text)
    {
        if (noted.Add(text))
        {
            note(text);
        }
    }
}
