using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Credence.Inference;
using Credence.InferenceCli.Page;
using Credence.MedicalIO;

namespace Credence.InferenceCli;

internal static class PredictCommand
{
    private static readonly PredictOptions Defaults = new();

    public static Command Create()
    {
        var inputs = new Argument<FileSystemInfo[]>("input")
        {
            Description = "One scan a channel, in the model's order: .nii, .nii.gz, or a folder with one DICOM series.",
            Arity = ArgumentArity.OneOrMore,
        }.WithoutUnknownOptions();
        var model = new Option<FileInfo>("--model", "-m") { Description = "Model file written by credence-export.", Required = true };
        var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder for the maps and the report; created when missing.", Required = true };
        var samples = new Option<int>("--samples", "-n")
        {
            Description = "Monte Carlo samples; 0 runs the posterior mean once. A plain network always runs once.",
            DefaultValueFactory = _ => Defaults.Samples,
        };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the weight samples: same seed, same result.", DefaultValueFactory = _ => Defaults.Seed };
        var overlap = new Option<double?>("--overlap") { Description = "Overlap of neighbouring patches, from 0 to below 1; the model's by default." };
        var tolerance = Above0(new Option<double?>("--tolerance") { Description = "Stop early once the standard error of the lesion volume is below this share of it, such as 0.02." });
        var seconds = Above0(new Option<double?>("--time-budget") { Description = "Stop with the sample that ends later than this many seconds after the start." });
        var memory = Above0(new Option<double?>("--feature-memory") { Description = "GiB for features that all samples share; 4 by default. Less is slower, with the same result." });
        var threads = new Option<int>("--threads", "-t") { Description = "Threads; 0 is one a core." };
        var noPage = new Option<bool>("--no-page") { Description = $"Do not write {CasePage.File}, the page to look at the result with." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        samples.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--samples is below 0; give a whole number from 0.");
            }
        });
        threads.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--threads is below 0; give a whole number from 0.");
            }
        });
        overlap.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double?>() is { } value && !(value >= 0 && value < 1))
            {
                result.AddError("--overlap is out of range; give a number from 0 to below 1.");
            }
        });

        var command = new Command("predict", "Segment one case and map its uncertainty.") { inputs, model, output, samples, seed, overlap, tolerance, seconds, memory, threads, noPage, json };
        command.SetAction((parse, cancellation) => Task.Run(() => Run(
            [.. parse.GetRequiredValue(inputs).Select(i => i.FullName)],
            parse.GetRequiredValue(model).FullName,
            parse.GetRequiredValue(output).FullName,
            new()
            {
                Samples = parse.GetValue(samples),
                Seed = parse.GetValue(seed),
                Overlap = parse.GetValue(overlap),
                Tolerance = parse.GetValue(tolerance),
                TimeBudget = parse.GetValue(seconds) is { } budget ? TimeSpan.FromSeconds(budget) : null,
                FeatureMemory = parse.GetValue(memory) is { } gibibytes ? (long)(gibibytes * (1L << 30)) : Defaults.FeatureMemory,
            },
            parse.GetValue(threads),
            hasPage: !parse.GetValue(noPage),
            parse.GetValue(json),
            cancellation), cancellation));
        return command;
    }

    private static Option<double?> Above0(Option<double?> option)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double?>() is { } value && !(value > 0 && double.IsFinite(value)))
            {
                result.AddError($"{option.Name} is not above 0; give a number above 0.");
            }
        });
        return option;
    }

    private static int Run(
        IReadOnlyList<string> inputs, string model, string output, PredictOptions options, int threads, bool hasPage, bool json, CancellationToken cancellation)
    {
        using var segmenter = LesionSegmenter.Load(model, threads);
        var segmentation = ProgressBar.Run("predicting", progress => segmenter.Predict(inputs, options, progress, cancellation));
        segmentation.Save(output, folder =>
        {
            if (hasPage)
            {
                CasePage.Write(Path.Combine(folder, CasePage.File), VolumeFile.CaseName(inputs[0]), segmentation, [.. inputs.Select(VolumeFile.Read)], [.. segmenter.Manifest.Channels.Select(c => c.Name)]);
            }
        });

        var report = segmentation.Report;
        Console.WriteLine(json
            ? JsonSerializer.Serialize(report, ReportJson.Default.PredictionReport)
            : string.Create(CultureInfo.InvariantCulture,
                $"{string.Join(", ", report.Classes.Select(Describe))}; {report.Samples} sample{(report.Samples == 1 ? "" : "s")}{Stopped(report)}, {report.ReadSeconds + report.PredictSeconds:F1} s -> {output}"));
        return CommandLine.Done;
    }

    private static string Stopped(PredictionReport report) => report.StoppedBy switch
    {
        StopReason.Tolerance => " (settled)",
        StopReason.TimeBudget => " (out of time)",
        _ => "",
    };

    private static string Describe(ClassReport @class) => @class.SampleVolumeInterval is [var low, var high]
        ? string.Create(CultureInfo.InvariantCulture, $"{@class.Name} {@class.Volume:F2} mL (95 % of samples {low:F2} to {high:F2})")
        : string.Create(CultureInfo.InvariantCulture, $"{@class.Name} {@class.Volume:F2} mL");
}
