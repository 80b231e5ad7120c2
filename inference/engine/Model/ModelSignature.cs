using System.Security.Cryptography;
using Credence.Inference.Onnx;
using Google.Protobuf;

namespace Credence.Inference.Model;

/// <summary>
/// The signature of a model file: its last bytes are a metadata entry that holds an ECDSA signature (FIPS 186-5) over the SHA-256 of every byte before them, in
/// DER (RFC 3279, section 2.2.3) and base64. So a signed model is still one file that any client can run.
/// </summary>
internal static class ModelSignature
{
    /// <summary>Name of the metadata entry.</summary>
    public const string MetadataKey = "credence.signature";

    private const int MostMetadata = 1 << 10; // bytes of the entry

    private static readonly byte EntryTag = Entry("")[0];

    /// <summary>Signs a file.</summary>
    /// <param name="bytes">The whole file; a signature that it has is replaced.</param>
    /// <param name="key">Private key.</param>
    public static byte[] Sign(byte[] bytes, ECDsa key)
    {
        var content = Find(bytes) is var (length, _) ? bytes.AsSpan(0, length) : bytes;
        return [.. content, .. Entry(Convert.ToBase64String(key.SignData(content, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)))];
    }

    /// <summary>The signature at the end of a file.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <returns>How many bytes are signed, and the signature; null where there is none.</returns>
    public static (int Length, byte[] Signature)? Find(ReadOnlySpan<byte> bytes)
    {
        // The entry is found from behind, by the bytes that it would have: what a parser makes of the file does not matter.
        for (var length = 1; length <= Math.Min(MostMetadata, bytes.Length); length++)
        {
            var entry = bytes[^length..];
            if (entry[0] == EntryTag && TryRead(entry) is { } signature)
            {
                return (bytes.Length - length, signature);
            }
        }

        return null;
    }

    private static byte[] Entry(string signature) =>
        new ModelProto { MetadataProps = { new StringStringEntryProto { Key = MetadataKey, Value = signature } } }.ToByteArray();

    /// <summary>The signature in what is an entry, byte for byte as it is written.</summary>
    private static byte[]? TryRead(ReadOnlySpan<byte> entry)
    {
        try
        {
            if (ModelProto.Parser.ParseFrom(entry).MetadataProps is not [{ Key: MetadataKey, Value: var text }])
            {
                return null;
            }

            var signature = Convert.FromBase64String(text);
            return Entry(Convert.ToBase64String(signature)).AsSpan().SequenceEqual(entry) ? signature : null;
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or FormatException)
        {
            return null;
        }
    }
}
