using System.Security.Cryptography;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Tests;

namespace Credence.Inference.Tests;

public sealed class ModelSignatureTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public void Dispose()
    {
        key.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void A_signed_model_names_its_signer_and_runs_as_before()
    {
        var signed = ModelSignature.Sign(TinyModel.Bytes(), key);

        var model = ModelFile.Parse("m.onnx", signed, Trust(key));

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(key.ExportSubjectPublicKeyInfo())), model.Signer);
        Assert.Null(ModelFile.Parse("m.onnx", signed).Signer);
        Assert.Equal(TinyModel.Bytes(), signed[..TinyModel.Bytes().Length]);
        using var network = new OnnxNetwork(model);
        Assert.InRange(Onnx.DeviceChoice.LargestDifference(network, model.Manifest).Size, 0, 1e-6);
    }

    [Fact]
    public void Signing_again_replaces_the_signature()
    {
        using var second = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var signed = ModelSignature.Sign(ModelSignature.Sign(TinyModel.Bytes(), key), second);

        Assert.Single(Onnx.ModelProto.Parser.ParseFrom(signed).MetadataProps, p => p.Key == ModelSignature.MetadataKey);
        Assert.NotNull(ModelFile.Parse("m.onnx", signed, Trust(key, second)).Signer);
        Assert.Contains("a signature of another key", Refusal(signed, Trust(key)), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_signed_with_a_trusted_key_is_refused()
    {
        Assert.Equal("m.onnx: no signature; expected a signature of one of the trusted keys. Have it signed by who answers for it (credence-export sign), or leave out --trust.", Refusal(TinyModel.Bytes(), Trust(key)));
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Assert.StartsWith("m.onnx: a signature of another key, or of another file; ", Refusal(ModelSignature.Sign(TinyModel.Bytes(), other), Trust(key)), StringComparison.Ordinal);
    }

    /// <summary>A byte that changes anywhere, bytes that are cut off, put before, behind or between: never a signed model.</summary>
    [Fact]
    public void No_change_of_the_file_goes_unseen()
    {
        var (signed, trust) = (ModelSignature.Sign(TinyModel.Bytes(), key), Trust(key));
        var content = TinyModel.Bytes().Length;
        for (var at = 0; at < signed.Length; at++)
        {
            for (var bit = 0; bit < 8; bit += at < content ? 3 : 1)
            {
                var changed = (byte[])signed.Clone();
                changed[at] ^= (byte)(1 << bit);
                Refusal(changed, trust);
            }
        }

        byte[] more = [0x1A, 0x00]; // producer_version "", which a parser passes over
        Refusal([.. more, .. signed], trust);
        Refusal([.. signed, .. more], trust);
        Refusal([.. signed[..content], .. more, .. signed[content..]], trust);
        Refusal([.. signed, .. signed[content..]], trust);
        Refusal(signed[..^1], trust);
        Refusal(signed[1..], trust);
        Refusal(signed[content..], trust);
        Refusal([], trust);
    }

    /// <summary>OpenSSL makes the key, signs what we verify, and verifies what we sign.</summary>
    [Fact]
    public void OpenSSL_agrees()
    {
        string OpenSsl(params string[] arguments) => Shared.Run("openssl", "openssl", arguments);
        var (privateKey, publicKey, content, signature) = (folder.File("key.pem"), folder.File("public.pem"), folder.File("content"), folder.File("signature"));
        OpenSsl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", privateKey);
        OpenSsl("pkey", "-in", privateKey, "-pubout", "-out", publicKey);
        using var made = ECDsa.Create();
        made.ImportFromPem(File.ReadAllText(privateKey));
        var signed = ModelSignature.Sign(TinyModel.Bytes(), made);
        var (length, ours) = ModelSignature.Find(signed)!.Value;
        File.WriteAllBytes(content, signed[..length]);
        File.WriteAllBytes(signature, ours);
        Assert.Contains("Verified OK", OpenSsl("dgst", "-sha256", "-verify", publicKey, "-signature", signature, content), StringComparison.Ordinal);

        OpenSsl("dgst", "-sha256", "-sign", privateKey, "-out", signature, content);
        Assert.NotNull(TrustedKeys.Read([publicKey]).SignerOf(signed.AsSpan(0, length), File.ReadAllBytes(signature)));
    }

    [Fact]
    public void A_file_without_public_keys_is_refused()
    {
        string Wrong(string content)
        {
            File.WriteAllText(folder.File("key.pem"), content);
            return Assert.Throws<ModelFileException>(() => TrustedKeys.Read([folder.File("key.pem")])).Message;
        }

        using var rsa = RSA.Create(2048);
        Assert.EndsWith("key.pem: no key; expected public keys of an elliptic curve in PEM. Give what openssl pkey -pubout writes.", Wrong("no key at all"), StringComparison.Ordinal);
        Assert.Contains("key.pem: a PRIVATE KEY; ", Wrong(key.ExportPkcs8PrivateKeyPem()), StringComparison.Ordinal);
        Assert.Contains("key.pem: a public key of another kind; ", Wrong(rsa.ExportSubjectPublicKeyInfoPem()), StringComparison.Ordinal);
        Assert.Contains("absent.pem", Assert.Throws<ModelFileException>(() => TrustedKeys.Read([folder.File("absent.pem")])).Message, StringComparison.Ordinal);
    }

    private TrustedKeys Trust(params ECDsa[] keys)
    {
        File.WriteAllText(folder.File("trusted.pem"), string.Join('\n', keys.Select(k => k.ExportSubjectPublicKeyInfoPem())));
        return TrustedKeys.Read([folder.File("trusted.pem")]);
    }

    private static string Refusal(byte[] bytes, TrustedKeys trust) => Assert.Throws<ModelFileException>(() => ModelFile.Parse("m.onnx", bytes, trust)).Message;
}
