using System.Text.Json;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Evaluation;

/// <summary>What to tune.</summary>
internal sealed record TuneOptions
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
internal static class OutOfFoldTuning
{
    /// <summary>Tunes and writes the calibration.</summary>
    /// <exception cref="DatasetException">The cross-validation is not finished, or its data have changed.</exception>
    public static TunedCalibration Run(TuneOptions options, Action<string> report, CancellationToken cancellation)
    {
        var crossValidation = CrossValidationReport.Read(options.CrossValidation);
        var dataset = Dataset.Open(options.Data ?? crossValidation.Settings.Data);
        var survey = new FingerprintBuilder(dataset);
        var jobs = crossValidation.Results.SelectMany(r => r.Cases.Select(c => (c.Id, Job: new CrossValidationJob(r.Seed, r.Fold)))).ToLookup(p => p.Id, p => p.Job);
        IEnumerable<OutOfFoldProbabilities> Predictions(Action<LoadedCase> see)
        {
            foreach (var (files, number) in dataset.Cases.Select((f, n) => (f, n + 1)))
            {
                cancellation.ThrowIfCancellationRequested();
                report($"case {number} of {dataset.Cases.Count}");
                var loaded = CaseReader.Read(dataset, files);
                see(loaded);
                foreach (var job in jobs[files.Id])
                {
                    yield return OutOfFoldProbabilities.Read(Path.Combine(options.CrossValidation, job.Name), job.Fold, loaded, dataset.Classes);
                }
            }
        }

        var scaling = new TemperatureScaling(dataset.Classes.Count);
        foreach (var prediction in Predictions(survey.Add))
        {
            scaling.AddProbabilities(prediction.Classes);
        }

        if (survey.DataHash != crossValidation.Settings.DataHash)
        {
            throw new DatasetException(dataset.Folder, $"data {survey.DataHash[..16]}", $"data {crossValidation.Settings.DataHash[..16]}, on which {options.CrossValidation} was trained",
                "Give its data set with --data, or cross-validate again.");
        }

        var (temperature, rule) = Temperature(scaling.Fit());
        var cases = Predictions(_ => { }).Select(p => new TuningCase(p.Fold, DecisionSurface.Compute(
            p.Foreground(temperature), [.. p.Classes.Truth.Select(t => t != 0)], p.Size, options.Objective, options.Thresholds, options.LargestMinimum))).ToList();
        var search = new DecisionSearch(cases, options.Thresholds, options.LargestMinimum);
        var (threshold, size, apparent) = search.Best();
        var withoutFold = search.WithoutEachFold();
        var nested = search.Nested(withoutFold);
        var tuned = new TunedCalibration
        {
            DataHash = survey.DataHash,
            Classes = dataset.Classes,
            Calibration = new() { Temperature = temperature, Threshold = threshold, MinimumLesionVoxels = size },
            Objective = options.Objective == TuningObjective.Dice ? "mean Dice of all foreground classes together" : "mean lesion F1 by any overlap",
            Apparent = apparent,
            Nested = nested,
            Optimism = apparent - nested,
            Untuned = search.At(0.5, 1),
            WithoutFold = withoutFold,
            Thresholds = options.Thresholds,
            LargestMinimum = options.LargestMinimum,
            TemperatureRule = rule,
        };
        OutputFile.WriteText(options.Output, JsonSerializer.Serialize(tuned, CalibrationJson.Default.TunedCalibration) + "\n");
        return tuned;
    }

    private static (double Temperature, string Rule) Temperature(TemperatureFit fit) => fit.IsAtLimit
        ? (1, "not fitted: the likelihood has no largest value")
        : (fit.Temperature, FormattableString.Invariant($"largest out-of-fold likelihood: {fit.NegativeLogLikelihoodBefore:G4} nats a voxel became {fit.NegativeLogLikelihood:G4}"));
}
