using System.CommandLine;
using System.Globalization;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer;

internal static class TuneCommand
{
    private static readonly TuneOptions Defaults = new() { CrossValidation = "", Output = "" };

    public static Command Create()
    {
        var crossValidation = new Argument<DirectoryInfo>("cross-validation") { Description = "Folder of a finished cross-validation." }.AcceptExistingOnly();
        var output = new Option<FileInfo>("--out", "-o") { Description = "File for the calibration; calibration.json in the folder by default." };
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans, where it has moved since." };
        var objective = FitOptions.Kind("--objective", "What is made large, in the mean over patients, each with the mean over its cases and seeds", Defaults.Objective);
        var largest = new Option<int>("--largest-minimum") { Description = "Minimum lesion sizes are tried from 1 voxel to this.", DefaultValueFactory = _ => Defaults.LargestMinimum };
        largest.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--largest-minimum is below 1; 1 tries no minimum size.");
            }
        });

        var ensemble = new Option<bool>("--ensemble") { Description = "Tune the mean over all seeds of a fold, for an ensemble of as many networks." };
        var leaveOut = new Option<int?>("--leave-out") { Description = "A fold that the calibration must not see, so that its networks can be judged with it." };
        var noVolumes = new Option<bool>("--no-volume-intervals") { Description = "Do not predict all cases again, to widen the intervals of volumes and to find what the entropy stays below." };
        var device = FitOptions.Device();
        var command = new Command("tune", "Choose temperature, threshold and minimum lesion size on out-of-fold predictions, widen volume intervals until they hold, and find what the entropy stays below, for `credence-export export --calibration`.")
        {
            crossValidation, output, data, objective, largest, ensemble, leaveOut, noVolumes, device,
        };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var folder = parse.GetRequiredValue(crossValidation).FullName;
            var file = parse.GetValue(output)?.FullName ?? Path.Combine(folder, "calibration.json");
            using var observer = ConsoleObserver.Create(isJson: false);
            var tuned = OutOfFoldTuning.Run(new()
            {
                CrossValidation = folder,
                Output = file,
                Data = parse.GetValue(data)?.FullName,
                Objective = parse.GetValue(objective),
                LargestMinimum = parse.GetValue(largest),
                IsEnsemble = parse.GetValue(ensemble),
                LeftOut = parse.GetValue(leaveOut),
                HasVolumeIntervals = !parse.GetValue(noVolumes),
                Device = parse.GetValue(device)!,
            }, observer.Preparing, cancellation);
            observer.Dispose();

            var calibration = tuned.Calibration;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"threshold {calibration.Threshold:0.##}, lesions of {calibration.MinimumLesionVoxels} voxels and more, temperature {calibration.Temperature:0.###} ({tuned.TemperatureRule})"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{tuned.Objective}: untuned {tuned.Untuned:F4}, tuned {tuned.Apparent:F4}, of which {tuned.Optimism:F4} is optimism: tuned on the other folds it is {tuned.Nested:F4}"));
            if (tuned.VolumeIntervals is { } volumes)
            {
                foreach (var (@class, k) in tuned.Classes.Skip(1).Select((c, k) => (c, k)))
                {
                    Console.WriteLine(Describe(@class, volumes, calibration.VolumeInterval, k));
                }
            }

            if (tuned.MeanEntropyExceeded is { } exceeded)
            {
                foreach (var (@class, k) in tuned.Classes.Skip(1).Select((c, k) => (c, k)))
                {
                    Console.WriteLine(Describe(@class, calibration.MeanEntropyLimit?.Limits[k], exceeded[k]));
                }
            }

            Console.WriteLine($"-> {file}");
            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    private static string Describe(ClassDescription @class, double? limit, double? exceeded)
    {
        var start = $"mean entropy of a segmentation, {@class.Name}:";
        return limit is null
            ? $"{start} too few patients for a limit ({ConformalLimit.FewestPatients} with a segmentation are needed)"
            : string.Create(CultureInfo.InvariantCulture, $"{start} a report warns above {limit:G3} nats{(exceeded is null ? "" : $"; the limit of the other folds is exceeded by {100 * exceeded:0.#} % of the cases")}");
    }

    private static string Describe(ClassDescription @class, TunedVolumeIntervals volumes, VolumeIntervalCalibration? calibration, int k)
    {
        static string Percent(double share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0.#} %");
        var start = $"95 % volume interval, {@class.Name}: that of the samples holds the truth in {Percent(volumes.OfSamples[k])} of {volumes.Cases} cases";
        return calibration is null
            ? $"{start}; too few patients to widen it ({ConformalLimit.FewestPatients} are needed)"
            : string.Create(CultureInfo.InvariantCulture, $"{start}; widened by {calibration.Factors[k]:0.###}{(volumes.Widened is null ? "" : $": in {Percent(volumes.Widened[k])} (by the factor of the other folds), its upper end {volumes.Ratio![k]:0.##} times the lower one")}");
    }
}
