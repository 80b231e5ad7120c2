using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Credence.InferenceCli.Batch;

/// <summary>Recognises the input of a case: at a glance by names, sizes and times of its files, for certain by their bytes.</summary>
internal static class CaseInput
{
    /// <summary>SHA-256 over path, length and time of last write of each file, or what the case says itself.</summary>
    public static string Stamp(BatchCase @case) => @case.Stamp ?? Hex(SHA256.HashData(Encoding.UTF8.GetBytes(string.Concat(@case.Files.Select(f =>
    {
        var file = new FileInfo(f);
        return string.Create(CultureInfo.InvariantCulture, $"{f}|{(file.Exists ? file.Length : -1)}|{file.LastWriteTimeUtc.Ticks}\n");
    })))));

    /// <summary>SHA-256 over the bytes of the files, channel by channel; where they lie and what they are called does not matter.</summary>
    public static string Sha256(BatchCase @case, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var scan in @case.Scans)
        {
            // The hash of a file has a fixed length, and so has their number: no two inputs give the same bytes here.
            hash.AppendData(BitConverter.GetBytes(scan.Files.Count));
            foreach (var path in scan.Files)
            {
                cancellation.ThrowIfCancellationRequested();
                using var file = File.OpenRead(path);
                hash.AppendData(SHA256.HashData(file));
            }
        }

        return Hex(hash.GetHashAndReset());
    }

    /// <summary>SHA-256 of a text.</summary>
    public static string Sha256(string text) => Hex(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Hex(byte[] hash) => Convert.ToHexStringLower(hash);
}
