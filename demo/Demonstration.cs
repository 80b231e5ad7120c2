using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Credence.Exporter;
using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Phantoms;
using Credence.Trainer.Training;

namespace Credence.Demo;

/// <summary>The whole pipeline on phantoms: scans, training, model file, prediction of unseen cases, figure and summary; or the second half of it, with a model that is there.</summary>
internal static class Demonstration
{
    /// <summary>Mean lesion Dice on unseen phantoms that the demonstration has to reach.</summary>
    public const double Target = 0.7;

    private const byte LesionLabel = 1;
    private const int FigureRows = 3;
    private const string ModelFile = "model.onnx";

    /// <summary>Runs all stages.</summary>
    /// <returns>Mean lesion Dice over the unseen phantoms.</returns>
    public static double Run(DemoOptions options, ITrainingObserver observer, TextWriter writer, CancellationToken cancellation)
    {
        string At(string name) => Path.Combine(options.Output, name);
        var seconds = new List<(string Stage, double Seconds)>();
        T Time<T>(string stage, Func<T> work)
        {
            var watch = Stopwatch.StartNew();
            var result = work();
            seconds.Add((stage, watch.Elapsed.TotalSeconds));
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{stage,-36}{watch.Elapsed.TotalSeconds,6:F1} s"));
            return result;
        }

        Directory.CreateDirectory(options.Output);
        Clear(At("unseen"), At("predictions"));
        if (options.Model is null)
        {
            Clear(At("phantoms"), At("run"));
        }


        // Training phantoms are DICOM series; of the unseen ones half are DICOM and half NIfTI.
        var unseen = Time("phantoms drawn and written", () =>
        {
            if (options.Model is null)
            {
                PhantomDataset.Write(At("phantoms"), options.TrainingCases, options.Seed, PhantomFormat.Dicom, new());
            }

            return PhantomDataset.Write(At("unseen/dicom"), options.UnseenCases / 2, options.Seed + 1, PhantomFormat.Dicom, new())
                .Concat(PhantomDataset.Write(At("unseen/nifti"), options.UnseenCases - options.UnseenCases / 2, options.Seed + 2, PhantomFormat.Nifti, new()))
                .ToList();
        });
        var (model, training, export) = options.Model is { } given ? (given, null, null) : Train();
        (string, TrainingResult?, ExportResult?) Train()
        {
            var trained = Time($"{options.Posterior} U-Net trained", () => TrainingLoop.Fit(
                new() { Data = At("phantoms"), Run = At("run"), Posterior = options.Posterior, Minutes = options.Minutes, LearningRate = options.LearningRate, Width = 8, StepsPerEpoch = 50, Folds = 8, Seed = options.Seed },
                observer, TimeProvider.System, cancellation));
            return (At(ModelFile), trained, Time("exported and proved", () => OnnxExport.Export(new() { Runs = [At("run")], Output = At(ModelFile), ProofScan = [unseen[0].Scan] })));
        }

        using var segmenter = LesionSegmenter.Load(model);
        var results = Time($"{unseen.Count} unseen phantoms predicted", () => Predict(segmenter, options, At, unseen, cancellation));

        var mean = results.Average(r => r.Dice);
        File.WriteAllBytes(At("demo.png"), Figure.Draw(
            string.Create(CultureInfo.InvariantCulture, $"Unseen phantoms, {(options.Model is null ? $"{options.Posterior} U-Net" : segmenter.ModelName)}, {results[0].Result.Report.Samples} samples: mean lesion Dice {mean:F2}"),
            [.. results.OrderByDescending(r => r.Dice).Where((_, n) => n % Math.Max(1, results.Count / FigureRows) == 0).Take(FigureRows).Select(Row)]));
        WriteSummary(At("summary.json"), options, segmenter, seconds, training, export, results, mean);

        writer.WriteLine();
        writer.WriteLine($"case                 Dice   predicted mL   {(results[0].Class.VolumeInterval is null ? "95 % of samples" : "  95 % interval")}   true mL");
        foreach (var r in results)
        {
            writer.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{r.Name,-19}{r.Dice,6:F3}{r.Class.Volume,15:F2}{Interval(r.Class),18}{r.TrueVolume,10:F2}"));
        }

        writer.WriteLine();
        writer.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Lesion Dice on unseen phantoms: {mean:F3} (target {Target:F2})"));
        writer.WriteLine($"Figure, summary{(options.Model is null ? ", model" : "")} and maps: {options.Output}");
        return mean;
    }

    private static List<CaseResult> Predict(
        LesionSegmenter segmenter, DemoOptions options, Func<string, string> at, List<(string Id, string Scan, string Mask)> unseen, CancellationToken cancellation)
    {
        var results = new List<CaseResult>();
        foreach (var (id, scan, mask) in unseen)
        {
            var name = $"{(Directory.Exists(scan) ? "dicom" : "nifti")}-{id}";
            var result = segmenter.Predict([Scan.Read(scan, TimeProvider.System)], new() { Samples = options.Samples, Seed = options.Seed }, null, cancellation);
            result.Save(at($"predictions/{name}"));
            var reference = NiftiFile.ReadLabels(mask);
            results.Add(new(name, scan, reference, result, DiceScore.Compute(result.Prediction.Segmentation, reference, LesionLabel)));
        }

        return results;
    }

    private static FigureRow Row(CaseResult r) => new(
        string.Create(CultureInfo.InvariantCulture, $"{r.Name}   Dice {r.Dice:F2}   predicted {r.Class.Volume:F1} mL ({Interval(r.Class)})   true {r.TrueVolume:F1} mL"),
        Orientation.ToCanonical(VolumeFile.Read(r.Scan)), Orientation.ToCanonical(r.Reference), Orientation.ToCanonical(r.Result.Prediction.Segmentation),
        Orientation.ToCanonical(r.Result.Prediction.Probabilities[0]), Orientation.ToCanonical(r.Result.Prediction.PredictiveEntropy), Orientation.ToCanonical(r.Result.Prediction.MutualInformation));

    private static string Interval(ClassReport report) => (report.VolumeInterval ?? report.SampleVolumeInterval) is [var low, var high]
        ? string.Create(CultureInfo.InvariantCulture, $"{low:F2} to {high:F2}")
        : "one sample";

    private static JsonArray? Json(IReadOnlyList<double>? interval) => interval is [var low, var high] ? new(low, high) : null;

    private static void WriteSummary(
        string path, DemoOptions options, LesionSegmenter segmenter, List<(string Stage, double Seconds)> seconds, TrainingResult? training, ExportResult? export,
        List<CaseResult> results, double mean) => OutputFile.WriteText(path, new JsonObject
        {
            ["model"] = segmenter.ModelName,
            ["posterior"] = options.Model is null ? options.Posterior.ToString() : null,
            ["seed"] = options.Seed,
            ["samples"] = results[0].Result.Report.Samples,
            ["meanLesionDice"] = mean,
            ["target"] = Target,
            ["validationDice"] = training?.BestDice,
            ["steps"] = training?.Steps,
            ["exportMaximumError"] = export?.Proof.MaximumError,
            ["modelSha256"] = segmenter.ModelSha256,
            ["seconds"] = new JsonObject(seconds.Select(s => KeyValuePair.Create(s.Stage, (JsonNode?)Math.Round(s.Seconds, 1)))),
            ["cases"] = new JsonArray([.. results.Select(r => new JsonObject
            {
                ["case"] = r.Name,
                ["dice"] = r.Dice,
                ["volume"] = r.Class.Volume,
                ["volumeInterval"] = Json(r.Class.VolumeInterval),
                ["sampleVolumeInterval"] = Json(r.Class.SampleVolumeInterval),
                ["trueVolume"] = r.TrueVolume,
            })]),
        }.ToJsonString(new() { WriteIndented = true }) + "\n");

    private static void Clear(params string[] folders)
    {
        foreach (var folder in folders.Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private sealed record CaseResult(string Name, string Scan, LabelMap Reference, Segmentation Result, double Dice)
    {
        public ClassReport Class => Result.Report.Classes[0];

        public double TrueVolume => Reference.Labels.Count(l => l == LesionLabel) * Reference.Geometry.VoxelVolume / 1000;
    }
}
