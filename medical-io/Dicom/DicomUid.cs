using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Credence.MedicalIO.Dicom;

/// <summary>Unique identifiers.</summary>
internal static class DicomUid
{
    /// <summary>Identifies this software in the file meta information.</summary>
    public const string Implementation = "2.25.227015467390268414190523431917380914187";

    /// <summary>A UID of the form 2.25.n with n the first 128 bits of SHA-256 of a text (PS3.5, annex B.2): the same text gives the same UID.</summary>
    public static string From(string text) =>
        $"2.25.{new BigInteger(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 16), isUnsigned: true, isBigEndian: true)}";
}
