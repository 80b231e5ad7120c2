using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Credence.Inference.Onnx;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Google.Protobuf;

namespace Credence.Exporter.Tests;

/// <summary>credence-export as a user runs it: exit codes, output and error lines.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly TrainedRun run = new(new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Posterior = Posterior.ChannelDropout });

    public void Dispose() => run.Dispose();

    [Fact]
    public void Export_and_verify_succeed_with_0_and_say_what_they_found()
    {
        Done(@"model\.onnx: \d\.\d MB, sha256 [0-9a-f]{16}\nproof: \d+ outputs, largest difference \d\.\dE-00\d at random ", "export", run.Folder, "--output", run.Output);
        Done(@"model\.onnx: golden numbers met within [\dE.-]+\s*$", "verify", run.Output);
        Done(@"model\.onnx: golden numbers met within [\dE.-]+, the trained network within [\dE.-]+ at random ", "verify", run.Output, "--run", run.Folder);

        var json = JsonNode.Parse(Done("", "export", run.Checkpoints, "-o", run.Output, "--precision", "float16-weights", "--json"))!;
        Assert.Equal(new FileInfo(run.Output).Length, json["bytes"]!.GetValue<long>());
        Assert.InRange(json["maximumError"]!.GetValue<double>(), 1e-7, 1e-2);
        Assert.Equal(json["maximumError"]!.GetValue<double>(), JsonNode.Parse(Done("", "verify", run.Output, "--run", run.Folder, "--json"))!["maximumError"]!.GetValue<double>());
    }

    [Fact]
    public void A_wrong_command_line_is_2()
    {
        Failed(2, "Option '--output' is required", "export", run.Folder);
        Failed(2, "Argument 'bfloat16' not recognized", "export", run.Folder, "-o", run.Output, "--precision", "bfloat16");
        Failed(2, "does not exist", "export", run.Folder + "-absent", "-o", run.Output);
        Failed(2, "does not exist", "verify", run.Output);
        File.WriteAllText(run.Output, "");
        Failed(2, "--scan compares the file with a network; give --run as well", "verify", run.Output, "--scan", run.Checkpoints);
    }

    [Fact]
    public void A_scan_that_does_not_fit_is_3_and_a_model_that_cannot_be_used_is_4()
    {
        var scan = Path.Combine(run.Folder, "scan.nii.gz");
        NiftiFile.Write(scan, new Volume(new(new(8, 8, 8), Affine.Identity), [.. Enumerable.Range(0, 512).Select(v => (float)v)]));
        Done("a patch of the scan|random", "export", run.Folder, "-o", run.Output, "--scan", scan);
        Failed(3, "2 scans for the proof; expected 1: channel0", "export", run.Folder, "-o", run.Output, "--scan", scan, scan);
        Failed(3, "2 scans for the proof; expected 1: channel0", "verify", run.Output, "--run", run.Folder, "--scan", scan, scan);

        var empty = Directory.CreateDirectory(Path.Combine(run.Folder, "empty")).FullName;
        Failed(4, "no best.safetensors and no last.safetensors", "export", empty, "-o", run.Output);
        Failed(4, "no metadata \"credence.network\"|header length", "export", scan, "-o", run.Output);

        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(run.Output));
        var bias = model.Graph.Initializer.Single(t => t.Name == "output/bias");
        bias.RawData = ByteString.CopyFrom(new byte[bias.RawData.Length]);
        File.WriteAllBytes(run.Output, model.ToByteArray());
        Failed(4, "that differ from its golden numbers by", "verify", run.Output);
        model.MetadataProps[0].Value = """{"formatVersion": 7}""";
        File.WriteAllBytes(run.Output, model.ToByteArray());
        Failed(4, "manifest format version 7; expected at most 1. Use a newer Credence that reads model format 7", "verify", run.Output);
    }

    [Fact]
    public void A_model_is_signed_with_a_private_key()
    {
        Done("", "export", run.Folder, "-o", run.Output);
        var unsigned = File.ReadAllBytes(run.Output);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var file = Path.Combine(run.Folder, "key.pem");
        File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
        Done(@"model\.onnx: signed, sha256 [0-9a-f]{64}\nkey [0-9a-f]{64}\n-----BEGIN PUBLIC KEY-----\n", "sign", run.Output, "--key", file);
        Assert.Equal(unsigned, File.ReadAllBytes(run.Output)[..unsigned.Length]);
        Done("golden numbers met", "verify", run.Output, "--run", run.Folder);

        File.WriteAllText(file, key.ExportSubjectPublicKeyInfoPem());
        Failed(4, "key.pem: no private key of an elliptic curve that can be opened", "sign", run.Output, "--key", file);
        File.WriteAllText(file, key.ExportEncryptedPkcs8PrivateKeyPem("secret", new(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)));
        Failed(4, "its password in CREDENCE_KEY_PASSWORD", "sign", run.Output, "--key", file);
        File.WriteAllText(file, key.ExportPkcs8PrivateKeyPem());
        Failed(4, "no metadata|not ONNX", "sign", file, "--key", file);
        Failed(2, "Option '--key' is required", "sign", run.Output);
    }

    private static string Done(string pattern, params string[] arguments)
    {
        var (exitCode, output, error) = BuiltProgram.Run("Exporter", "credence-export", arguments);
        Assert.True(exitCode == 0, error);
        Assert.Matches(pattern, output);
        return output;
    }

    /// <summary>One of the texts, separated by |, is on the error stream, and nothing on the output.</summary>
    private static void Failed(int code, string texts, params string[] arguments)
    {
        var (exitCode, output, error) = BuiltProgram.Run("Exporter", "credence-export", arguments);
        Assert.True(texts.Split('|').Any(t => error.Contains(t, StringComparison.Ordinal)), error);
        Assert.Equal((code, ""), (exitCode, output));
    }
}
