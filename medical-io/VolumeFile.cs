using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO;

/// <summary>Reads a volume from whatever a path leads to.</summary>
public static class VolumeFile
{
    /// <summary>Reads a NIfTI file, a DICOM image file, or a folder that holds one DICOM series.</summary>
    /// <exception cref="MedicalImageException">There is nothing there, or it cannot be read.</exception>
    public static Volume Read(string path) => FindSeries(path) is { } series ? series.Read() : NiftiFile.Read(path);

    /// <summary>The one DICOM series that a path leads to; null for a NIfTI file, which is not looked into.</summary>
    /// <exception cref="MedicalImageException">There is nothing there, something else, or more than one series.</exception>
    public static Dicom.DicomSeries? FindSeries(string path)
    {
        if (Directory.Exists(path))
        {
            return Dicom.DicomSeries.Only(path);
        }

        return NiftiFile.HasExtension(path) ? null
            : File.Exists(path) && IsDicom(path) ? Dicom.DicomSeries.Only(path)
            : throw (File.Exists(path)
                ? new UnsupportedImageException(path, "a file of another kind", "a .nii or .nii.gz file, an enhanced DICOM image, or a folder with one DICOM series", "Give the folder of the series, or convert the file.")
                : new InvalidImageFileException(path, "nothing there", "a .nii or .nii.gz file, or a folder with one DICOM series", "Check the path."));
    }

    /// <summary>The name of a file without the extensions of a NIfTI file, or that of a folder.</summary>
    public static string CaseName(string path)
    {
        var name = Path.GetFileName(Path.TrimEndingDirectorySeparator(path));
        return NiftiFile.HasExtension(name) ? name[..name.LastIndexOf('.', name.Length - (name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? 4 : 1))] : name;
    }

    /// <summary>Reads a mask or label map: a NIfTI file on any grid, or a DICOM segmentation, which is put on the grid of its scan.</summary>
    /// <param name="path">The file.</param>
    /// <param name="scan">The grid of the scan.</param>
    /// <exception cref="MedicalImageException">There is nothing there, it cannot be read, or it is no mask.</exception>
    public static LabelMap ReadLabels(string path, VolumeGeometry scan) =>
        File.Exists(path) && !NiftiFile.HasExtension(path) && IsDicom(path) ? Dicom.Results.DicomSegmentation.Read(path).ToLabels(scan) : NiftiFile.ReadLabels(path);

    private static bool IsDicom(string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[256];
        return Dicom.DicomFile.IsDicom(bytes.AsSpan(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
    }
}
