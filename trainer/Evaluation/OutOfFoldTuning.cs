using System.Text.Json;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Evaluation;

/// <summary>What to tune.</summary>
public sealed record TuneOptions
{
    /// <summary>Folder of a finished cross-validation.</summary>
    public required string CrossValidation { get; init; }

    /// <summary>The file to write.</summary>
    public required string Output { get; init; }

    /// <summary>Folder with the data set; null takes the one of the cross-validation.</summary>
    public string? Data { get; init; }

    /// <summary>What is made large.</summary>
    public TuningObjective Objective { get; init; }

    /// <summary>Thresholds tried; 0.5 is among them.</summary>
    public IReadOnlyList<double> Thresholds { get; init; } = [.. Enumerable.Range(1, 19).Select(n => Math.Round(0.05 * n, 2))];

    /// <summary>Minimum lesion sizes tried: every whole number from 1 to this.</summary>
    public int LargestMinimum { get; init; } = 50;
}

/// <summary>Tunes the decision on out-of-fold probabilities: every case is judged by networks that have not seen it.</summary>
public static class OutOfFoldTuning
{
    /// <summary>Tunes and writes the calibration.</summary>
    /// <exception cref="DatasetException">The cross-validation is not finished, or its data have changed.</exception>
    public static TunedCalibration Run(TuneOptions options, Action<string> report, CancellationToken cancellation)
    {
        var crossValidation = CrossValidationReport.Read(options.CrossValidation);
        var dataset = Dataset.Open(options.Data ?? crossValidation.Settings.Data);
        var survey = new FingerprintBuilder(dataset);
        var predictions = crossValidation.Results.SelectMany(r => r.Cases.Select(c => (r.Seed, r.Fold, c.Id))).ToLookup(p => p.Id);

        var cases = new List<TuningCase>();
        foreach (var files in dataset.Cases)
        {
            cancellation.ThrowIfCancellationRequested();
            report($"tuning on case {cases.Count + 1}");
            var loaded = CaseReader.Read(dataset, files);
            survey.Add(loaded);
            var reference = loaded.Mask.Labels.Select(l => l != 0).ToArray();
            foreach (var (seed, fold, _) in predictions[files.Id])
            {
                var foreground = Foreground(Path.Combine(options.CrossValidation, new CrossValidationJob(seed, fold).Name), files.Id, dataset.Classes);
                cases.Add(new(fold, DecisionSurface.Compute(foreground, reference, loaded.Mask.Geometry.Size, options.Objective, options.Thresholds, options.LargestMinimum)));
            }
        }

        if (survey.DataHash != crossValidation.Settings.DataHash)
        {
            throw new DatasetException(dataset.Folder, $"data {survey.DataHash[..16]}", $"data {crossValidation.Settings.DataHash[..16]}, on which {options.CrossValidation} was trained",
                "Give its data set with --data, or cross-validate again.");
        }

        var search = new DecisionSearch(cases, options.Thresholds, options.LargestMinimum);
        var (threshold, size, apparent) = search.Best();
        var withoutFold = search.WithoutEachFold();
        var nested = search.Nested(withoutFold);
        var tuned = new TunedCalibration
        {
            DataHash = survey.DataHash,
            Classes = dataset.Classes,
            Calibration = new() { Threshold = threshold, MinimumLesionVoxels = size },
            Objective = options.Objective == TuningObjective.Dice ? "mean foreground Dice" : "mean lesion F1",
            Apparent = apparent,
            Nested = nested,
            Optimism = apparent - nested,
            Untuned = search.At(0.5, 1),
            WithoutFold = withoutFold,
            Thresholds = options.Thresholds,
            LargestMinimum = options.LargestMinimum,
            TemperatureRule = "not fitted",
        };
        OutputFile.WriteText(options.Output, JsonSerializer.Serialize(tuned, CalibrationJson.Default.TunedCalibration) + "\n");
        return tuned;
    }

    private static float[] Foreground(string folder, string id, IReadOnlyList<ClassDescription> classes)
    {
        var sum = NiftiFile.Read(RunEvaluation.ProbabilityPath(folder, id, classes[1])).Voxels;
        foreach (var @class in classes.Skip(2))
        {
            var next = NiftiFile.Read(RunEvaluation.ProbabilityPath(folder, id, @class)).Voxels;
            for (var v = 0; v < sum.Length; v++)
            {
                sum[v] += next[v];
            }
        }

        return sum;
    }
}
