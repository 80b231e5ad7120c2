using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Credence.Inference.Model;

namespace Credence.Exporter;

internal static class ExportCommand
{
    private static readonly Dictionary<string, WeightPrecision> Precisions = new()
    {
        ["float32"] = WeightPrecision.Float32,
        ["float16-weights"] = WeightPrecision.Float16Weights,
        ["float16"] = WeightPrecision.Float16,
    };

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
        var precision = new Option<string>("--precision")
        {
            Description = "float32; float16-weights: weights take half the bytes, computation stays float32; float16: convolutions compute in float16 too, which not every device gains from.",
            DefaultValueFactory = _ => Precisions.Keys.First(),
        }.AcceptOnlyFromAmong([.. Precisions.Keys]);
        var name = new Option<string>("--name") { Description = "Name of the model, for people; that of the data set by default." };
        var licence = new Option<string>("--licence") { Description = "Licence of the model file, such as CC-BY-SA-4.0; unspecified by default." };
        var use = new Option<string>("--intended-use") { Description = "What the model may be used for; research only by default." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("export", "Write a trained network, or an ensemble of several, as one ONNX file, proved equal to the networks.") { runs, output, scan, calibration, precision, name, licence, use, json };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var result = OnnxExport.Export(new()
            {
                Runs = [.. parse.GetRequiredValue(runs).Select(r => r.FullName)],
                Output = parse.GetRequiredValue(output).FullName,
                ProofScan = [.. (parse.GetValue(scan) ?? []).Select(s => s.FullName)],
                Calibration = parse.GetValue(calibration)?.FullName,
                Precision = Precisions[parse.GetRequiredValue(precision)],
                Name = parse.GetValue(name),
                Licence = parse.GetValue(licence),
                IntendedUse = parse.GetValue(use),
            }, cancellation);
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
            return CommandLine.Done;
        }, cancellation));
        return command;
    }
}
