using System.Text.RegularExpressions;

namespace Credence.MedicalIO.Dicom.Results;

/// <summary>What a written result says of itself.</summary>
public sealed record DicomResultOptions
{
    /// <summary>SeriesDescription, at most 64 characters.</summary>
    public required string Description { get; init; }

    /// <summary>SeriesNumber.</summary>
    public int SeriesNumber { get; init; } = 900;

    /// <summary>Name of the model that computed the result, at most 64 characters.</summary>
    public required string Algorithm { get; init; }

    /// <summary>Version of the model, for example the start of its hash.</summary>
    public required string AlgorithmVersion { get; init; }

    /// <summary>When the result was made. Local time.</summary>
    public required DateTime Created { get; init; }
}

/// <summary>A segment of a segmentation.</summary>
/// <param name="Label">Label in the map, from 1.</param>
/// <param name="Name">SegmentLabel, at most 64 characters.</param>
/// <param name="Category">Category of what it is.</param>
/// <param name="Type">What it is.</param>
public sealed partial record DicomSegment(byte Label, string Name, DicomCode Category, DicomCode Type)
{
    /// <summary>A class of a model: a lesion where a word of its name is "lesion", else no more than tissue, because a name does not say whether it is diseased.</summary>
    /// <param name="label">Label in the map, from 1.</param>
    /// <param name="name">Name of the class.</param>
    public static DicomSegment Of(byte label, string name) => LesionWord().IsMatch(name)
        ? new(label, name, DicomCode.MorphologicallyAlteredStructure, DicomCode.Lesion)
        : new(label, name, DicomCode.Tissue, DicomCode.Tissue);

    [GeneratedRegex(@"(?<!\p{L})lesions?(?!\p{L})", RegexOptions.IgnoreCase)]
    private static partial Regex LesionWord();
}
