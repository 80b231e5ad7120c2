using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Credence.Exporter;

internal static class VerifyCommand
{
    public static Command Create()
    {
        var model = new Argument<FileInfo>("model") { Description = "Model file (.onnx)." }.AcceptExistingOnly();
        var run = new Option<FileSystemInfo[]>("--run")
        {
            Description = "Folder of the training run that the file was made of, or its checkpoint; of an ensemble all of them, in the same order. Without it the file is compared with its own golden numbers alone.",
            AllowMultipleArgumentsPerToken = true,
        }.AcceptExistingOnly();
        var scan = new Option<FileSystemInfo[]>("--scan") { Description = "A real case to compare on as well: one NIfTI file or DICOM folder a channel.", AllowMultipleArgumentsPerToken = true };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Command("verify", "Repeat the proof on a model file: its golden numbers, and the networks that it was made of.") { model, run, scan, json };
        command.Validators.Add(result =>
        {
            if (result.GetValue(scan) is { Length: > 0 } && result.GetValue(run) is not { Length: > 0 })
            {
                result.AddError("--scan compares the file with a network; give --run as well.");
            }
        });
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var path = parse.GetRequiredValue(model).FullName;
            var (golden, proof) = OnnxExport.Verify(path, [.. (parse.GetValue(run) ?? []).Select(r => r.FullName)], [.. (parse.GetValue(scan) ?? []).Select(s => s.FullName)], cancellation);
            Console.WriteLine(parse.GetValue(json)
                ? new JsonObject { ["model"] = path, ["goldenDifference"] = golden, ["maximumError"] = proof?.MaximumError, ["where"] = proof?.Where, ["comparisons"] = proof?.Comparisons }.ToJsonString()
                : string.Create(CultureInfo.InvariantCulture, $"{path}: golden numbers met within {golden:G2}{(proof is null ? "" : string.Create(CultureInfo.InvariantCulture, $", the trained network within {proof.MaximumError:G2} at {proof.Where}"))}"));
            return CommandLine.Done;
        }, cancellation));
        return command;
    }
}
