using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Credence.Exporter;

internal static class ExportCommand
{
    public static Command Create()
    {
        var run = new Argument<FileSystemInfo>("run") { Description = "Folder of a training run, or a checkpoint (.safetensors)." }.AcceptExistingOnly();
        var output = new Option<FileInfo>("--output", "-o") { Description = "Model file to write (.onnx).", Required = true };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("export", "Write a trained network as one ONNX file, proved equal to the network.") { run, output, json };
        command.SetAction((parse, _) =>
        {
            var result = OnnxExport.Export(new()
            {
                Run = parse.GetRequiredValue(run).FullName,
                Output = parse.GetRequiredValue(output).FullName,
            });
            Console.WriteLine(parse.GetValue(json)
                ? new JsonObject
                {
                    ["output"] = result.Output,
                    ["bytes"] = result.Bytes,
                    ["sha256"] = result.Sha256,
                    ["maximumError"] = result.Proof.MaximumError,
                    ["where"] = result.Proof.Where,
                    ["comparisons"] = result.Proof.Comparisons,
                }.ToJsonString()
                : string.Create(CultureInfo.InvariantCulture,
                    $"{result.Output}: {result.Bytes / 1e6:F1} MB, sha256 {result.Sha256[..16]}\nproof: {result.Proof.Comparisons} logits, largest difference {result.Proof.MaximumError:E1} at {result.Proof.Where}"));
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }
}
