using System.Security.Cryptography;
using Credence.Inference.Model;

namespace Credence.Inference;

/// <summary>Public keys of those whose models may be used. Thread-safe.</summary>
public sealed class TrustedKeys
{
    private const string PublicKey = "PUBLIC KEY";

    private readonly List<byte[]> keys = []; // SubjectPublicKeyInfo

    private TrustedKeys()
    {
    }

    /// <summary>Reads keys.</summary>
    /// <param name="paths">PEM files, each with one or several elliptic-curve public keys (<c>-----BEGIN PUBLIC KEY-----</c>, RFC 7468).</param>
    /// <exception cref="ModelFileException">A file cannot be read, holds no such key, or one that is not public.</exception>
    public static TrustedKeys Read(IReadOnlyList<string> paths)
    {
        var trusted = new TrustedKeys();
        foreach (var path in paths)
        {
            trusted.Add(path);
        }

        return trusted;
    }

    /// <summary>Whose signature it is.</summary>
    /// <param name="content">What is signed.</param>
    /// <param name="signature">DER.</param>
    /// <returns>SHA-256 of the public key (SubjectPublicKeyInfo), lower-case hexadecimal; null where no key fits.</returns>
    internal string? SignerOf(ReadOnlySpan<byte> content, byte[] signature)
    {
        foreach (var info in keys)
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(info, out _);
            if (key.VerifyData(content, signature, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))
            {
                return Fingerprint(info);
            }
        }

        return null;
    }

    /// <summary>Names a key.</summary>
    /// <param name="subjectPublicKeyInfo">The public key.</param>
    internal static string Fingerprint(byte[] subjectPublicKeyInfo) => Convert.ToHexStringLower(SHA256.HashData(subjectPublicKeyInfo));

    private void Add(string path)
    {
        ModelFileException Wrong(string found, Exception? inner = null) =>
            new(path, found, "public keys of an elliptic curve in PEM", "Give what openssl pkey -pubout writes.", inner);
        string text;
        try
        {
            text = File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Wrong(e.Message.TrimEnd('.'), e);
        }

        var before = keys.Count;
        for (var rest = text.AsSpan(); PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
        {
            var label = rest[fields.Label].ToString();
            if (label != PublicKey)
            {
                throw Wrong($"a {label}");
            }

            try
            {
                using var key = ECDsa.Create();
                key.ImportFromPem(rest[fields.Location]);
                keys.Add(key.ExportSubjectPublicKeyInfo());
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                throw Wrong("a public key of another kind", e);
            }
        }

        if (keys.Count == before)
        {
            throw Wrong("no key");
        }
    }
}
