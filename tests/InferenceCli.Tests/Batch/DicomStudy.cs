using System.Text;
using Credence.MedicalIO.Dicom;

namespace Credence.InferenceCli.Tests.Batch;

/// <summary>Puts series that DicomSeriesWriter wrote, each in a study of its own, into one study.</summary>
internal static class DicomStudy
{
    /// <summary>Replaces the StudyInstanceUID of all files.</summary>
    public static void Move(string folder, string study)
    {
        var old = Encoding.ASCII.GetBytes(DicomSeries.Only(folder).StudyUid);
        byte[] wanted = [.. Encoding.ASCII.GetBytes(study), .. study.Length % 2 == 0 ? Array.Empty<byte>() : [0]];
        foreach (var file in Directory.GetFiles(folder))
        {
            // (0020,000D) UI has its length in the two bytes before the value; both are padded to an even length.
            var bytes = File.ReadAllBytes(file);
            var at = bytes.AsSpan().IndexOf(old);
            File.WriteAllBytes(file, [.. bytes[..(at - 2)], (byte)wanted.Length, 0, .. wanted, .. bytes[(at + old.Length + old.Length % 2)..]]);
        }

        Assert.Equal(study, DicomSeries.Only(folder).StudyUid);
    }
}
