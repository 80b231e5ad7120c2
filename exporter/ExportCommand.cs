using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Credence.Exporter;

internal static class ExportCommand
{
    public static Command Create()
    {
        var runs = new Argument<FileSystemInfo[]>("run")
        {
            Description = "Folder of a training run, or a checkpoint (.safetensors). Several, or the folder of a cross-validation, become the members of one ensemble.",
            Arity = ArgumentArity.OneOrMore,
        }.AcceptExistingOnly().WithoutUnknownOptions();
        var output = new Option<FileInfo>("--output", "-o") { Description = "Model file to write (.onnx).", Required = true };
        var scan = new Option<FileSystemInfo[]>("--scan") { Description = "A real case to prove the file on as well: one NIfTI file or DICOM folder a channel.", AllowMultipleArgumentsPerToken = true };
        var calibration = new Option<FileInfo>("--calibration") { Description = "Threshold, minimum lesion size and temperature from `credence-train tune`; the data and classes must be the run's." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("export", "Write a trained network, or an ensemble of several, as one ONNX file, proved equal to the networks.") { runs, output, scan, calibration, json };
        command.SetAction((parse, _) =>
        {
            var result = OnnxExport.Export(new()
            {
                Runs = [.. parse.GetRequiredValue(runs).Select(r => r.FullName)],
                Output = parse.GetRequiredValue(output).FullName,
                ProofScan = [.. (parse.GetValue(scan) ?? []).Select(s => s.FullName)],
                Calibration = parse.GetValue(calibration)?.FullName,
            });
            foreach (var warning in result.Warnings)
            {
                Console.Error.WriteLine($"warning: {warning}");
            }

            Console.WriteLine(parse.GetValue(json)
                ? new JsonObject
                {
                    ["output"] = result.Output,
                    ["bytes"] = result.Bytes,
                    ["sha256"] = result.Sha256,
                    ["maximumError"] = result.Proof.MaximumError,
                    ["where"] = result.Proof.Where,
                    ["comparisons"] = result.Proof.Comparisons,
                    ["members"] = result.Members,
                }.ToJsonString()
                : string.Create(CultureInfo.InvariantCulture,
                    $"{result.Output}: {(result.Members > 1 ? $"ensemble of {result.Members}, " : "")}{result.Bytes / 1e6:F1} MB, sha256 {result.Sha256[..16]}\nproof: {result.Proof.Comparisons} outputs, largest difference {result.Proof.MaximumError:E1} at {result.Proof.Where}"));
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }
}
