using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Credence.Inference;
using Credence.InferenceCli.Page;
using Credence.MedicalIO;

namespace Credence.InferenceCli;

internal static class PredictCommand
{
    public static Command Create()
    {
        var inputs = new Argument<FileSystemInfo[]>("input")
        {
            Description = "One scan a channel, in the model's order: .nii, .nii.gz, or a folder with one DICOM series.",
            Arity = ArgumentArity.OneOrMore,
        }.WithoutUnknownOptions();
        var prediction = new PredictionArguments();
        var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder for the maps and the report; created when missing.", Required = true };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };

        var command = new Command("predict", "Segment one case and map its uncertainty.") { inputs, output, json };
        prediction.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            [.. parse.GetRequiredValue(inputs).Select(i => i.FullName)],
            parse.GetRequiredValue(output).FullName,
            prediction.Read(parse),
            parse.GetValue(json),
            cancellation), cancellation));
        return command;
    }

    private static int Run(IReadOnlyList<string> inputs, string output, PredictionSettings settings, bool json, CancellationToken cancellation)
    {
        Segmentation.CheckFolder(output); // before the work
        using var segmenter = settings.Load();
        var scans = inputs.Select(path => Scan.Read(path, TimeProvider.System)).ToList();
        var dicom = settings.WritesDicom ? new DicomResults(scans[0]) : null; // a scan that cannot have them is refused before the work
        var segmentation = ProgressBar.Run("predicting", progress => segmenter.Predict(scans, settings.Options, progress, cancellation));
        segmentation.Save(output, dicom, folder =>
        {
            if (settings.WritesPage)
            {
                CasePage.Write(Path.Combine(folder, CasePage.File), VolumeFile.CaseName(inputs[0]), segmentation, scans, segmenter.Manifest);
            }
        });

        var report = segmentation.Report;
        foreach (var warning in report.Warnings)
        {
            Console.Error.WriteLine($"warning: {warning}");
        }

        Console.WriteLine(json
            ? JsonSerializer.Serialize(report, ReportJson.Default.PredictionReport)
            : string.Create(CultureInfo.InvariantCulture,
                $"{string.Join(", ", report.Classes.Select(Describe))}; {report.Samples} sample{(report.Samples == 1 ? "" : "s")}{Stopped(report)}, {report.ReadSeconds + report.PredictSeconds:F1} s -> {output}"));
        return CommandLine.Done;
    }

    private static string Stopped(PredictionReport report) => report.StoppedBy switch
    {
        StopReason.Tolerance => " (settled)",
        StopReason.AllMembers => " (each member once)",
        StopReason.TimeBudget => " (out of time)",
        _ => "",
    };

    private static string Describe(ClassReport @class)
    {
        var (words, interval) = @class.VolumeInterval is { } calibrated ? ("95 % interval", calibrated) : ("95 % of samples", @class.SampleVolumeInterval);
        return string.Create(CultureInfo.InvariantCulture, $"{@class.Name} {@class.Volume:F2} mL{(interval is [var low, var high] ? string.Create(CultureInfo.InvariantCulture, $" ({words} {low:F2} to {high:F2})") : "")}");
    }
}
