using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference;

/// <summary>A scan in memory: one channel of a case.</summary>
/// <param name="Name">What messages and reports call it: its file, or the folder of its series.</param>
/// <param name="Volume">Its voxels.</param>
/// <param name="Stack">The DICOM stack that it was read from; null where it was none.</param>
public sealed record Scan(string Name, Volume Volume, DicomStack? Stack = null)
{
    /// <summary>Time that reading took.</summary>
    public TimeSpan ReadTime { get; init; }

    /// <summary>Reads a NIfTI file, a DICOM image file, or a folder with one DICOM series.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="clock">Source of <see cref="ReadTime"/>; the system's when null.</param>
    /// <exception cref="MedicalImageException">There is nothing there, or it cannot be read.</exception>
    public static Scan Read(string path, TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        var start = clock.GetTimestamp();
        var stack = VolumeFile.FindSeries(path)?.OnlyStack();
        return new(path, stack?.Read() ?? NiftiFile.Read(path), stack) { ReadTime = clock.GetElapsedTime(start) };
    }

    /// <summary>Reads the one volume of a DICOM series.</summary>
    /// <param name="name">What messages and reports call it.</param>
    /// <param name="series">The series.</param>
    /// <param name="clock">Source of <see cref="ReadTime"/>.</param>
    /// <exception cref="MedicalImageException">It is not one volume, a slice could not be read, or a file is damaged.</exception>
    internal static Scan Read(string name, DicomSeries series, TimeProvider clock)
    {
        var start = clock.GetTimestamp();
        if (series.Notes is [var note, ..])
        {
            throw new InvalidImageFileException(name, $"a slice that cannot be read ({note})", "a whole series", "Copy the series again.");
        }

        var stack = series.OnlyStack();
        return new(name, stack.Read(), stack) { ReadTime = clock.GetElapsedTime(start) };
    }
}
