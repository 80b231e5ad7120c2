namespace Credence.MedicalIO.Nifti;

/// <summary>A header extension: bytes of a registered kind that travel with the file.</summary>
/// <param name="Code">Kind: 2 is DICOM, 4 AFNI, 6 plain text, 44 JSON; see nifti1.h.</param>
/// <param name="Data">Its bytes, padding and all.</param>
public sealed record NiftiExtension(int Code, ReadOnlyMemory<byte> Data);

/// <summary>What qform and sform mean: 0 nothing, 1 scanner, 2 another scan, 3 Talairach, 4 MNI 152; see nifti1.h.</summary>
/// <param name="Qform">qform_code.</param>
/// <param name="Sform">sform_code.</param>
public sealed record NiftiForms(int Qform, int Sform)
{
    /// <summary>Coordinates of the scanner in both.</summary>
    public static NiftiForms Scanner { get; } = new(1, 1);
}

/// <summary>What a NIfTI file says of itself, without its voxels.</summary>
/// <param name="Version">1 or 2.</param>
/// <param name="DataType">Type of the stored voxels.</param>
/// <param name="Geometry">Size and affine of each volume.</param>
/// <param name="Volumes">Number of 3-D volumes, along all dimensions above the third.</param>
/// <param name="Problems">What a reader should know: forms that disagree, axes that are not orthogonal, no form at all.</param>
/// <param name="Extensions">Header extensions.</param>
/// <param name="Forms">Codes of the forms that agree with the geometry.</param>
public sealed record NiftiInfo(
    int Version, NiftiDataType DataType, VolumeGeometry Geometry, int Volumes, IReadOnlyList<string> Problems, IReadOnlyList<NiftiExtension> Extensions, NiftiForms Forms)
{
    /// <summary>Whether the axes are not orthogonal, so that the volume is refused or resampled.</summary>
    public bool IsSheared => Geometry.Affine.IsSheared;
}

/// <summary>How a NIfTI file is read.</summary>
public sealed record NiftiReadOptions
{
    /// <summary>Which volume of a 4-D file, from 0; null refuses files of several.</summary>
    public int? Volume { get; init; }

    /// <summary>Which number of complex and colour voxels.</summary>
    public NiftiComponent Component { get; init; }

    /// <summary>Whether a volume with sheared axes is put on an orthogonal grid (linear) instead of refused.</summary>
    public bool Resample { get; init; }

    /// <summary>Told what reading changed: how many integers do not fit into the 24 bits of float32. Null tells nobody.</summary>
    public Action<string>? Warn { get; init; }
}
