using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

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

    /// <summary>Tunes the mean over all seeds of a fold in place of single networks.</summary>
    public bool IsEnsemble { get; init; }

    /// <summary>A fold whose cases are left out, so that its networks can be judged on them with the calibration; null for none.</summary>
    public int? LeftOut { get; init; }

    /// <summary>Whether the networks predict their cases once more, to fit volume intervals and the limit of the mean entropy at the decision that was found.</summary>
    public bool HasVolumeIntervals { get; init; } = true;

    /// <summary>Where they predict: <c>cpu</c>, <c>cuda:0</c>, or <c>auto</c>.</summary>
    public string Device { get; init; } = "auto";
}

/// <summary>Tunes on out-of-fold predictions: every case is judged by networks that have not seen it.</summary>
internal sealed class OutOfFoldTuning
{
    private readonly TuneOptions options;
    private readonly Action<string> report;
    private readonly CancellationToken cancellation;
    private readonly CrossValidationReport crossValidation;
    private readonly Dataset dataset;
    private readonly ILookup<string, Judge> judges; // by case

    private OutOfFoldTuning(TuneOptions options, Action<string> report, CancellationToken cancellation)
    {
        (this.options, this.report, this.cancellation) = (options, report, cancellation);
        crossValidation = CrossValidationReport.Read(options.CrossValidation);
        dataset = Dataset.Open(options.Data ?? crossValidation.Settings.Data);
        var folds = crossValidation.Results.Select(r => r.Fold).Distinct().Order().ToList();
        if (options.LeftOut is { } fold && (!folds.Contains(fold) || folds.Count < 3))
        {
            throw new DatasetException(options.CrossValidation, $"folds {string.Join(", ", folds)}", $"fold {fold} and two others at least", "Choose another fold, or leave none out.");
        }

        if (options.IsEnsemble && crossValidation.Seeds.Count < 2)
        {
            throw new DatasetException(options.CrossValidation, "one seed", "two or more for --ensemble", "Cross-validate with more --seeds, or tune single networks.");
        }

        judges = crossValidation.Results.Where(r => r.Fold != options.LeftOut)
            .GroupBy(r => (r.Fold, Network: options.IsEnsemble ? 0 : r.Seed))
            .SelectMany(g => g.First().Cases.Select(c => (
                c.Id, Judge: new Judge(g.Key.Fold, g.Key.Network, [.. g.Select(r => Path.Combine(options.CrossValidation, new CrossValidationJob(r.Seed, r.Fold).Name))]))))
            .ToLookup(p => p.Id, p => p.Judge);
    }

    /// <summary>Tunes and writes the calibration.</summary>
    /// <exception cref="DatasetException">The cross-validation is not finished, its data have changed, or it lacks the fold or the seeds that were asked for.</exception>
    public static TunedCalibration Run(TuneOptions options, Action<string> report, CancellationToken cancellation)
    {
        var tuned = new OutOfFoldTuning(options, report, cancellation).Tune();
        OutputFile.WriteText(options.Output, JsonSerializer.Serialize(tuned, CalibrationJson.Default.TunedCalibration) + "\n");
        return tuned;
    }

    private TunedCalibration Tune()
    {
        var survey = new FingerprintBuilder(dataset);
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
        var cases = Predictions(_ => { }).Select(p => new TuningCase(p.Fold, dataset.Patients[p.Id], DecisionSurface.Compute(
            p.Foreground(temperature), [.. p.Classes.Truth.Select(t => t != 0)], p.Size, options.Objective, options.Thresholds, options.LargestMinimum))).ToList();
        var search = new DecisionSearch(cases, options.Thresholds, options.LargestMinimum);
        var (threshold, size, apparent) = search.Best();
        var withoutFold = search.WithoutEachFold();
        var nested = search.Nested(withoutFold);
        var calibration = new CalibrationDescription { Temperature = temperature, Threshold = threshold, MinimumLesionVoxels = size };
        List<OutOfFoldSamples>? samples = options.HasVolumeIntervals && crossValidation.Settings.Samples > 0 ? [.. Samples(calibration)] : null;
        var volumes = samples is null ? null : new VolumeIntervalFit(samples);
        var entropies = samples is null || options.IsEnsemble ? null : new MeanEntropyLimitFit(samples);
        return new()
        {
            DataHash = survey.DataHash,
            Classes = dataset.Classes,
            Calibration = calibration with { VolumeInterval = volumes?.Fit(), MeanEntropyLimit = entropies?.Fit() },
            Objective = options.Objective == TuningObjective.Dice ? "mean Dice of all foreground classes together" : "mean lesion F1 by any overlap",
            Apparent = apparent,
            Nested = nested,
            Optimism = apparent - nested,
            Untuned = search.At(0.5, 1),
            WithoutFold = withoutFold,
            Thresholds = options.Thresholds,
            LargestMinimum = options.LargestMinimum,
            TemperatureRule = rule,
            Members = options.IsEnsemble ? crossValidation.Seeds.Count : null,
            LeftOut = options.LeftOut,
            VolumeIntervals = volumes?.Worth(),
            MeanEntropyExceeded = entropies?.Exceeded(),
        };
    }

    /// <summary>The kept probabilities, case by case.</summary>
    /// <param name="see">Shown every case of the data set, also those that are left out.</param>
    private IEnumerable<OutOfFoldProbabilities> Predictions(Action<LoadedCase> see)
    {
        foreach (var (files, number) in dataset.Cases.Select((f, n) => (f, n + 1)))
        {
            cancellation.ThrowIfCancellationRequested();
            report($"case {number} of {dataset.Cases.Count}");
            var loaded = CaseReader.Read(dataset, files);
            see(loaded);
            foreach (var judge in judges[files.Id])
            {
                yield return OutOfFoldProbabilities.Read(judge.Runs, judge.Fold, loaded, dataset.Classes);
            }
        }
    }

    /// <summary>Volumes over the samples at a decision, and the entropy of its segmentation: whether a sample has a voxel depends on temperature and threshold, so that the networks predict anew. Samples are shared out as the engine does.</summary>
    private IEnumerable<OutOfFoldSamples> Samples(CalibrationDescription calibration)
    {
        var device = TrainingLoop.ResolveDevice(options.Device);
        var (number, all) = (0, judges.Sum(j => j.Count()));
        var cases = dataset.Cases.ToDictionary(c => c.Id, StringComparer.Ordinal);
        foreach (var judged in judges.SelectMany(j => j.Select(judge => (Id: j.Key, Judge: judge))).GroupBy(p => p.Judge.Runs[0]))
        {
            var (fold, network, runs) = judged.First().Judge;
            var predict = new PredictOptions { Samples = (crossValidation.Settings.Samples + runs.Count - 1) / runs.Count, Seed = 1 };
            var members = new List<TrainedMember>();
            try
            {
                members.AddRange(runs.Select(run => TrainedMember.Load(run, CheckpointChoice.Last, device, calibration)));
                foreach (var (id, _) in judged)
                {
                    cancellation.ThrowIfCancellationRequested();
                    report($"samples of prediction {++number} of {all}");
                    var loaded = CaseReader.Read(dataset, cases[id]);
                    var predictions = members.Select(m => m.Predict(loaded, predict, cancellation)).ToList();
                    var volumes = predictions[0].SampleVolumes.Select((_, k) => (IReadOnlyList<double>)[.. predictions.SelectMany(p => p.SampleVolumes[k])]).ToList();
                    yield return new(fold, network, dataset.Patients[id], SampledVolume.Of(volumes, loaded.Mask, dataset.Classes.Skip(1)),
                        [.. dataset.Classes.Skip(1).Select(c => options.IsEnsemble ? null : predictions[0].MeanOver(c.Label, predictions[0].PredictiveEntropy))]);
                }
            }
            finally
            {
                members.ForEach(m => m.Dispose());
            }
        }
    }

    private static (double Temperature, string Rule) Temperature(TemperatureFit fit) => fit.IsAtLimit
        ? (1, "not fitted: the likelihood has no largest value")
        : (fit.Temperature, FormattableString.Invariant($"largest out-of-fold likelihood: {fit.NegativeLogLikelihoodBefore:G4} nats a voxel became {fit.NegativeLogLikelihood:G4}"));

    /// <summary>A network that judges cases it has not seen, or several whose mean does.</summary>
    /// <param name="Fold">Whose cases.</param>
    /// <param name="Network">Its seed; 0 for a mean.</param>
    /// <param name="Runs">Run folders.</param>
    private sealed record Judge(int Fold, ulong Network, IReadOnlyList<string> Runs);
}
