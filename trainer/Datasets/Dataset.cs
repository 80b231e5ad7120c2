using Credence.Inference.Model;

namespace Credence.Trainer.Datasets;

/// <summary>The files of one case.</summary>
/// <param name="Id">Unique name of the case.</param>
/// <param name="ChannelPaths">One file or DICOM folder a channel, in the order of the data set's channels.</param>
/// <param name="MaskPath">The reference: one label a voxel.</param>
internal sealed record CaseFiles(string Id, IReadOnlyList<string> ChannelPaths, string MaskPath);

/// <summary>A folder of cases with references, in either layout.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Name">Name for people.</param>
/// <param name="Channels">Contrasts, in the order of the network's input.</param>
/// <param name="Classes">Classes, background first.</param>
/// <param name="Cases">Sorted by id (ordinal).</param>
/// <param name="Assumptions">What was guessed because no <c>dataset.json</c> said it; empty when nothing was.</param>
internal sealed record Dataset(
    string Folder,
    string Name,
    IReadOnlyList<ChannelDescription> Channels,
    IReadOnlyList<ClassDescription> Classes,
    IReadOnlyList<CaseFiles> Cases,
    IReadOnlyList<string> Assumptions)
{
    /// <summary>File that describes a data set.</summary>
    public const string DescriptionFile = "dataset.json";

    /// <summary>Cases of the held-out test set, sorted by id (ordinal); none of them is among <see cref="Cases"/>.</summary>
    public IReadOnlyList<CaseFiles> TestCases { get; init; } = [];

    /// <summary>Which patient each case belongs to.</summary>
    public PatientGroups Patients { get; init; } = PatientGroups.EachCase;

    /// <summary>Channels and labels in words, for errors.</summary>
    public static string Describe(IEnumerable<ChannelDescription> channels, IEnumerable<ClassDescription> classes) =>
        $"channels {string.Join(", ", channels.Select(c => c.Name))} and labels {string.Join(", ", classes.Select(c => $"{c.Label} {c.Name}"))}";

    /// <summary>Opens a folder in the Decathlon / nnU-Net layout or the one-folder-a-case layout; reads no voxels.</summary>
    /// <exception cref="DatasetException">The folder is missing or empty, or a file that it should hold is not there.</exception>
    public static Dataset Open(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DatasetException(folder, "no such folder", "a folder of scans", "Check the path given with --data.");
        }

        var dataset = Directory.Exists(Path.Combine(folder, DecathlonLayout.ImageFolder))
            ? DecathlonLayout.Open(folder)
            : ScanFolderLayout.Open(folder);
        dataset = TestSet.HoldOut(dataset);
        if (dataset.Cases.Count == 0)
        {
            throw new DatasetException(folder, "no case", "at least 2 cases with a reference mask each",
                "See docs/how-to/train-on-your-scans.md for the two layouts.");
        }

        foreach (var @case in dataset.Cases.Concat(dataset.TestCases))
        {
            foreach (var (path, channel) in @case.ChannelPaths.Zip(dataset.Channels))
            {
                if (!Path.Exists(path))
                {
                    throw new DatasetException(path, $"case {@case.Id} has no channel {channel.Name}", "every channel in every case",
                        "Add the file, or remove the case from the data set.");
                }
            }

            if (!Path.Exists(@case.MaskPath))
            {
                throw new DatasetException(@case.MaskPath, $"case {@case.Id} has no reference mask", "a mask in every training case",
                    "Add the file, or remove the case from the data set.");
            }
        }

        return dataset;
    }
}
