namespace Credence.MedicalIO.Dicom;

/// <summary>A coded concept.</summary>
/// <param name="Value">Code value, at most 16 characters.</param>
/// <param name="Scheme">Coding scheme: <c>SCT</c> (SNOMED CT), <c>DCM</c>, <c>UCUM</c>, and <c>99CREDENCE</c> where no standard code fits.</param>
/// <param name="Meaning">In words.</param>
/// <remarks>Source: DICOM PS3.3 (2026), section 8.</remarks>
public sealed record DicomCode(string Value, string Scheme, string Meaning)
{
    /// <summary>Category of what is neither anatomy nor tissue but altered by disease.</summary>
    public static DicomCode MorphologicallyAlteredStructure { get; } = new("49755003", "SCT", "Morphologically Abnormal Structure");

    /// <summary>A lesion.</summary>
    public static DicomCode Lesion { get; } = new("52988006", "SCT", "Lesion");

    /// <summary>Tissue, healthy or not: category and type of a class of which no more is known.</summary>
    public static DicomCode Tissue { get; } = new("85756007", "SCT", "Tissue");

    /// <summary>A number without unit.</summary>
    public static DicomCode NoUnits { get; } = new("1", "UCUM", "no units");

    /// <summary>Natural units of information; UCUM has no nat, so it is an annotation of the unit 1.</summary>
    public static DicomCode Nats { get; } = new("{nat}", "UCUM", "nat");
}
