using System.Collections.Concurrent;
using System.CommandLine;
using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.Inference.Statistics;
using Credence.MedicalIO;

namespace Credence.InferenceCli;

internal static class EvaluateCommand
{
    private static readonly EvaluationOptions Defaults = new();

    public static Command Create()
    {
        var reference = new Option<DirectoryInfo>("--reference", "-r") { Description = "Folder with the truth: <case>.nii.gz, or <case>/<mask>.", Required = true };
        var prediction = new Option<DirectoryInfo>("--prediction", "-p") { Description = "Folder with <case>/segmentation.nii.gz and maps as predict and batch write them, or <case>.nii.gz.", Required = true };
        var output = new Option<DirectoryInfo?>("--output", "-o") { Description = "Folder for evaluation.json, cases.csv, summary.csv and lesions.csv; created when missing." };
        var mask = new Option<string>("--mask") { Description = "Name of the label file in each case folder of the reference.", DefaultValueFactory = _ => "segmentation.nii.gz" };
        var region = new Option<DirectoryInfo?>("--region") { Description = "Folder with a mask a case, such as the brain, for calibration, retention and nDSC." };
        var matching = new Option<string>("--matching") { Description = "How lesions are matched: one-to-one (panoptica), shifts, ms-wml-uncs.", DefaultValueFactory = _ => "one-to-one" }
            .AcceptOnlyFromAmong([.. Enum.GetValues<MatchingRule>().Select(EvaluationTables.Word)]);
        var connectivity = new Option<int?>("--connectivity") { Description = "Neighbours that make one lesion: 6, 18 or 26; that of the matching rule by default (shifts 6, ms-wml-uncs 18, one-to-one 26)." };
        var threshold = new Option<double?>("--lesion-iou") { Description = "IoU from which lesions match; that of the matching rule by default (one-to-one 0.5, the others 0.25)." };
        var tolerance = new Option<double>("--tolerance") { Description = "Tolerance of the normalised surface Dice, mm.", DefaultValueFactory = _ => Defaults.SurfaceTolerance };
        var empty = new Option<string>("--empty") { Description = "What 0 / 0 is worth: undefined (left out), one, zero.", DefaultValueFactory = _ => "undefined" }
            .AcceptOnlyFromAmong([.. Enum.GetValues<EmptyCasePolicy>().Select(EvaluationTables.Word)]);
        var uncertainty = new Option<string>("--uncertainty") { Description = "Uncertainty map beside each segmentation: predictive-entropy, mutual-information, or the name of another .nii.gz.", DefaultValueFactory = _ => "predictive-entropy" };
        var seed = new Option<int>("--seed") { Description = "Seed of the bootstrap intervals." };
        var threads = new Option<int>("--threads", "-t") { Description = "Cases evaluated at a time; 0 is one a core." };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        connectivity.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() is { } n && !Enum.IsDefined((Connectivity)n))
            {
                result.AddError("--connectivity is not a number of neighbours; give 6, 18 or 26.");
            }
        });
        threshold.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double?>() is { } value && !(value > 0 && value <= 1))
            {
                result.AddError("--lesion-iou is out of range; give a number above 0 and at most 1.");
            }
        });
        tolerance.Validators.Add(result =>
        {
            if (!(result.GetValueOrDefault<double>() is >= 0 and < double.PositiveInfinity))
            {
                result.AddError("--tolerance is out of range; give millimetres from 0.");
            }
        });
        threads.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--threads is below 0; give a whole number from 0.");
            }
        });

        var command = new Command("evaluate", "Compare segmentations with the truth, case by case and over all cases.")
        {
            reference, prediction, output, mask, region, matching, connectivity, threshold, tolerance, empty, uncertainty, seed, threads, json,
        };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var rule = LesionRule.Of(Enum.GetValues<MatchingRule>().First(m => EvaluationTables.Word(m) == parse.GetRequiredValue(matching)));
            var options = Defaults with
            {
                Lesions = rule with
                {
                    Connectivity = (Connectivity?)parse.GetValue(connectivity) ?? rule.Connectivity,
                    Threshold = parse.GetValue(threshold) ?? rule.Threshold,
                },
                SurfaceTolerance = parse.GetValue(tolerance),
                EmptyCases = Enum.GetValues<EmptyCasePolicy>().First(p => EvaluationTables.Word(p) == parse.GetRequiredValue(empty)),
            };
            var folders = new Folders(
                parse.GetRequiredValue(reference).FullName, parse.GetRequiredValue(prediction).FullName, parse.GetRequiredValue(mask),
                parse.GetValue(region)?.FullName, parse.GetRequiredValue(uncertainty));
            var (report, warnings) = ProgressBar.Run("evaluating", progress => Evaluate(folders, options, parse.GetValue(seed), parse.GetValue(threads), progress, cancellation));
            warnings.ForEach(w => Console.Error.WriteLine($"warning: {w}"));
            Publish(report, parse.GetValue(output)?.FullName, parse.GetValue(json));
            return report.Failures.Count > 0 ? CommandLine.SomeCasesFailed : CommandLine.Done;
        }, cancellation));
        return command;
    }

    private static (EvaluationReport Report, List<string> Warnings) Evaluate(
        Folders paths, EvaluationOptions options, int seed, int threads, IProgress<double>? progress, CancellationToken cancellation)
    {
        var references = new EvaluationFolder(paths.Reference, paths.Mask);
        var predictions = new EvaluationFolder(paths.Prediction, "segmentation.nii.gz");
        var regions = paths.Region is null ? null : new EvaluationFolder(paths.Region, paths.Mask);
        var failures = new ConcurrentBag<CaseFailure>();
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads > 0 ? threads : Environment.ProcessorCount, CancellationToken = cancellation };
        var pairs = references.Names.Select(name => (Name: name, Reference: references.Find(name)!, Prediction: predictions.Find(name))).ToList();
        foreach (var pair in pairs.Where(p => p.Prediction is null))
        {
            failures.Add(new(pair.Name, $"{paths.Prediction}: no case {pair.Name}; expected {pair.Name}/segmentation.nii.gz or {pair.Name}.nii.gz. Predict it, or remove its reference {pair.Reference}."));
        }

        var complete = pairs.Where(p => p.Prediction is not null).ToList();
        if (complete.Count == 0)
        {
            throw new InvalidImageFileException(
                paths.Prediction, $"none of the {references.Names.Count} cases of {paths.Reference}", "cases of the same names", "Compare the names in the two folders.");
        }

        var classes = predictions.ReportedClasses() ?? PresentClasses(complete.Select(p => p.Reference).Concat(complete.Select(p => p.Prediction!)), parallel);
        options = options with { Classes = classes };
        var (evaluations, warnings, done) = (new ConcurrentBag<CaseEvaluation>(), new ConcurrentBag<string>(), 0);
        Parallel.ForEach(complete, parallel, pair =>
        {
            try
            {
                var @case = Read(pair.Name, pair.Reference, pair.Prediction!, paths, regions, classes);
                if (OtherLabels(pair.Reference, @case.Reference, classes) is { } others)
                {
                    warnings.Add($"{pair.Name}: {others}; they count as background.");
                }

                evaluations.Add(CaseEvaluation.Evaluate(@case, options));
            }
            catch (Exception e) when (e is MedicalImageException or IOException or UnauthorizedAccessException)
            {
                failures.Add(new(pair.Name, e.Message));
            }

            lock (complete)
            {
                progress?.Report((double)++done / complete.Count);
            }
        });

        var cases = evaluations.OrderBy(e => e.Case, StringComparer.Ordinal).ToList();
        var summary = cases.Count > 0 ? CohortSummary.Create(cases, seed) : null;
        return (new(
            paths.Reference, paths.Prediction, EvaluationSettings.Of(options), new("BCa", Bootstrap.Resamples, seed, 0.95), summary?.Metrics ?? [],
            [.. cases.Select(CaseReport.Of)], [.. failures.OrderBy(f => f.Case, StringComparer.Ordinal)],
            [.. predictions.Names.Where(n => references.Find(n) is null && references.Find(WithoutChannel(n)) is null)]), [.. warnings.Order(StringComparer.Ordinal)]);
    }

    private static EvaluationCase Read(
        string name, string reference, string prediction, Folders paths, EvaluationFolder? regions, IReadOnlyList<ClassDescription> classes)
    {
        var truth = EvaluationFolder.ReadLabels(reference);
        var region = regions is null ? null : regions.Find(name)
            ?? throw new InvalidImageFileException(paths.Region!, $"no region of case {name}", "one a case", "Add it, or leave out --region.");
        return new()
        {
            Name = name,
            Reference = truth,
            Prediction = EvaluationFolder.ReadLabels(prediction, truth.Geometry),
            Probabilities = EvaluationFolder.Probabilities(prediction, classes, truth.Geometry),
            VolumeIntervals = EvaluationFolder.VolumeIntervals(prediction, "volumeInterval"),
            SampleVolumeIntervals = EvaluationFolder.VolumeIntervals(prediction, "sampleVolumeInterval"),
            Uncertainty = EvaluationFolder.Uncertainty(prediction, paths.Uncertainty, truth.Geometry),
            Region = region is null ? null : EvaluationFolder.ReadLabels(region, truth.Geometry),
        };
    }

    /// <summary>Labels of a reference that are of no class, in words; null where there are none.</summary>
    /// <exception cref="InvalidImageFileException">It has no others: it was drawn with other labels, such as 255.</exception>
    private static string? OtherLabels(string file, LabelMap reference, IReadOnlyList<ClassDescription> classes)
    {
        var isPresent = new bool[256];
        foreach (var label in reference.Labels)
        {
            isPresent[label] = true;
        }

        var known = classes.Select(c => (int)c.Label).ToHashSet();
        var others = Enumerable.Range(1, 255).Where(l => isPresent[l] && !known.Contains(l)).ToList();
        var found = $"label{(others.Count == 1 ? "" : "s")} {string.Join(", ", others)}";
        return others.Count == 0 ? null
            : known.Any(l => isPresent[l]) ? $"{file} has {found} beside those of the classes, {EvaluationFolder.Text(classes)}"
            : throw new InvalidImageFileException(file, found, $"the labels of the predictions, {EvaluationFolder.Text(classes)}, and 0", "Give the reference the labels of the model.");
    }

    /// <summary>Every label above 0 in any file, so that all cases have the same classes. A file that cannot be read fails later, with its case.</summary>
    private static List<ClassDescription> PresentClasses(IEnumerable<string> files, ParallelOptions parallel)
    {
        var isPresent = new bool[256];
        Parallel.ForEach(files, parallel, file =>
        {
            try
            {
                foreach (var label in EvaluationFolder.ReadLabels(file).Labels)
                {
                    isPresent[label] = true;
                }
            }
            catch (Exception e) when (e is MedicalImageException or IOException or UnauthorizedAccessException)
            {
                return;
            }
        });
        var labels = Enumerable.Range(1, 255).Where(l => isPresent[l]).DefaultIfEmpty(1);
        return [.. labels.Select(l => new ClassDescription((byte)l, $"label-{l}"))];
    }

    private static string WithoutChannel(string name) => name.EndsWith("_0000", StringComparison.Ordinal) ? name[..^5] : name;

    private static void Publish(EvaluationReport report, string? output, bool isJson)
    {
        foreach (var failure in report.Failures)
        {
            Console.Error.WriteLine($"error: {failure.Case}: {failure.Message}");
        }

        foreach (var name in report.WithoutReference)
        {
            Console.Error.WriteLine($"note: {name}: no reference in {report.Reference}; left out.");
        }

        var text = JsonSerializer.Serialize(report, EvaluationJson.Default.EvaluationReport);
        if (output is not null)
        {
            Directory.CreateDirectory(output);
            EvaluationTables.Write(output, report);
            OutputFile.WriteText(Path.Combine(output, "evaluation.json"), text + "\n");
        }

        Console.WriteLine(isJson ? text : EvaluationTables.Describe(report));
    }

    /// <summary>Where everything is.</summary>
    private sealed record Folders(string Reference, string Prediction, string Mask, string? Region, string Uncertainty);
}
