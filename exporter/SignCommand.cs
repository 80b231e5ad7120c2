using System.CommandLine;
using System.Security.Cryptography;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Exporter;

internal static class SignCommand
{
    /// <summary>Environment variable with the password of an encrypted key: an argument would be seen in the list of processes.</summary>
    private const string Password = "CREDENCE_KEY_PASSWORD";

    public static Command Create()
    {
        var model = new Argument<FileInfo>("model") { Description = "Model file (.onnx); it is replaced by the signed one." }.AcceptExistingOnly();
        var key = new Option<FileInfo>("--key")
        {
            Description = $"Private key of an elliptic curve in PEM, such as: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256. Of an encrypted one the password is read from {Password}.",
            Required = true,
        }.AcceptExistingOnly();
        var command = new Command("sign", "Sign a model file, so that credence-infer --trust knows who answers for it. An earlier signature is replaced.") { model, key };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var path = parse.GetRequiredValue(model).FullName;
            using var privateKey = ReadKey(parse.GetRequiredValue(key).FullName);
            var signed = ModelSignature.Sign(ModelFile.Load(path).Bytes, privateKey);
            cancellation.ThrowIfCancellationRequested();
            OutputFile.Write(path, stream => stream.Write(signed));
            Console.WriteLine($"{path}: signed, sha256 {Convert.ToHexStringLower(SHA256.HashData(signed))}\nkey {TrustedKeys.Fingerprint(privateKey.ExportSubjectPublicKeyInfo())}\n{privateKey.ExportSubjectPublicKeyInfoPem()}");
            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    private static ECDsa ReadKey(string path)
    {
        var text = File.ReadAllText(path);
        var key = ECDsa.Create();
        try
        {
            if (text.Contains("ENCRYPTED PRIVATE KEY", StringComparison.Ordinal))
            {
                key.ImportFromEncryptedPem(text, Environment.GetEnvironmentVariable(Password) ?? "");
            }
            else
            {
                key.ImportFromPem(text);
            }

            _ = key.SignHash(new byte[32]); // a public key cannot
            return key;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new ModelFileException(path, "no private key of an elliptic curve that can be opened", $"one in PEM, its password in {Password} where it has one", "Make one with openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256.", e);
        }
    }
}
