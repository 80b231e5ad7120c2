using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO;

/// <summary>Reads a volume from whatever a path leads to.</summary>
public static class VolumeFile
{
    /// <summary>Reads a NIfTI file, a DICOM image file, or a folder that holds one DICOM series.</summary>
    /// <exception cref="MedicalImageException">There is nothing there, or it cannot be read.</exception>
    public static Volume Read(string path)
    {
        if (Directory.Exists(path))
        {
            return Dicom.DicomSeries.Read(path);
        }

        return NiftiFile.HasExtension(path) ? NiftiFile.Read(path)
            : File.Exists(path) && IsDicom(path) ? Dicom.DicomSeries.Read(path)
            : throw (File.Exists(path)
                ? new UnsupportedImageException(path, "a file of another kind", "a .nii or .nii.gz file, an enhanced DICOM image, or a folder with one DICOM series", "Give the folder of the series, or convert the file.")
                : new InvalidImageFileException(path, "nothing there", "a .nii or .nii.gz file, or a folder with one DICOM series", "Check the path."));
    }

    private static bool IsDicom(string path)
    {
        using var file = File.OpenRead(path);
        var bytes = new byte[256];
        return Dicom.DicomFile.IsDicom(bytes.AsSpan(0, file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)));
    }
}
