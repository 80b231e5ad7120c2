using System.CommandLine;
using System.Globalization;
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
        var objective = FitOptions.Kind("--objective", "What is made large, in the mean over cases and seeds", Defaults.Objective);
        var largest = new Option<int>("--largest-minimum") { Description = "Minimum lesion sizes are tried from 1 voxel to this.", DefaultValueFactory = _ => Defaults.LargestMinimum };
        largest.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--largest-minimum is below 1; 1 tries no minimum size.");
            }
        });

        var command = new Command("tune", "Choose temperature, threshold and minimum lesion size on out-of-fold predictions, for `credence-export export --calibration`.") { crossValidation, output, data, objective, largest };
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
            }, observer.Preparing, cancellation);
            observer.Dispose();

            var calibration = tuned.Calibration;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"threshold {calibration.Threshold:0.##}, lesions of {calibration.MinimumLesionVoxels} voxels and more, temperature {calibration.Temperature:0.###} ({tuned.TemperatureRule})"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{tuned.Objective}: untuned {tuned.Untuned:F4}, tuned {tuned.Apparent:F4}, of which {tuned.Optimism:F4} is optimism: tuned on the other folds it is {tuned.Nested:F4}"));
            Console.WriteLine($"-> {file}");
            return CommandLine.Done;
        }, cancellation));
        return command;
    }
}
