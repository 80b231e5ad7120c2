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
public sealed record DicomSegment(byte Label, string Name, DicomCode Category, DicomCode Type)
{
    /// <summary>A lesion.</summary>
    public static DicomSegment Lesion(byte label, string name) => new(label, name, DicomCode.MorphologicallyAlteredStructure, DicomCode.Lesion);
}
