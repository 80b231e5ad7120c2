namespace Credence.MedicalIO.Dicom;

/// <summary>What a written series says of itself.</summary>
public sealed record DicomSeriesInfo
{
    /// <summary>All UIDs are derived from this text: the same text gives the same UIDs.</summary>
    public required string UidSeed { get; init; }

    /// <summary>PatientName and PatientID.</summary>
    public required string Patient { get; init; }

    /// <summary>SeriesDescription, at most 64 characters.</summary>
    public required string Description { get; init; }

    /// <summary>StudyDate and SeriesDate.</summary>
    public DateOnly Date { get; init; } = new(2000, 1, 1);
}
