using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli;

internal static class ConvertCommand
{
    public static Command Create()
    {
        var input = new Argument<FileSystemInfo>("input") { Description = "A NIfTI or DICOM file, or a folder that is searched for DICOM series." };
        var output = new Option<FileInfo>("--output", "-o") { Description = "NIfTI file to write: .nii or .nii.gz.", Required = true };
        var series = new Option<string?>("--series") { Description = "SeriesNumber or SeriesInstanceUID, where there are several series." };
        var stack = new Option<int?>("--stack") { Description = "Stack of the series, from 1, as `inspect` lists them." };
        var timePoint = new Option<int?>("--time-point") { Description = "Time point or volume, from 1, where there are several." };
        var component = new Option<string?>("--component") { Description = "Which number of complex or colour NIfTI voxels: real, imaginary, red, green or blue." };
        component.AcceptOnlyFromAmong("real", "imaginary", "red", "green", "blue");
        var resample = new Option<bool>("--resample") { Description = "Put tilted, sheared or irregular slices on a regular grid instead of refusing them." };
        output.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<FileInfo>() is { } file && !file.Name.EndsWith(".nii", StringComparison.OrdinalIgnoreCase) && !file.Name.EndsWith(".nii.gz", StringComparison.OrdinalIgnoreCase))
            {
                result.AddError("--output does not end in .nii or .nii.gz.");
            }
        });
        foreach (var option in new[] { stack, timePoint })
        {
            option.Validators.Add(result =>
            {
                if (result.GetValueOrDefault<int?>() < 1)
                {
                    result.AddError($"{option.Name} is below 1; stacks and time points are counted from 1.");
                }
            });
        }

        var command = new Command("convert", "Write one volume as NIfTI, as the reader understands it.") { input, output, series, stack, timePoint, component, resample };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var path = parse.GetRequiredValue(input).FullName;
            var (geometry, write) = File.Exists(path) && NiftiFile.HasExtension(path)
                ? ReadNifti(path, parse.GetValue(series) ?? parse.GetValue(stack)?.ToString(CultureInfo.InvariantCulture), new()
                {
                    Volume = parse.GetValue(timePoint) - 1,
                    Component = parse.GetValue(component) is { } chosen ? Enum.Parse<NiftiComponent>(chosen, ignoreCase: true) : NiftiComponent.Only,
                    Resample = parse.GetValue(resample),
                    Warn = Warn,
                })
                : Read(path, parse.GetValue(series), parse.GetValue(stack) - 1, parse.GetValue(timePoint) - 1, parse.GetValue(component), parse.GetValue(resample), cancellation);
            var target = parse.GetRequiredValue(output).FullName;
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            write(target);
            Console.WriteLine($"{geometry.Size} voxels, {Orientation.Code(geometry.Affine)} -> {target}");
            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    private static void Warn(string warning) => Console.Error.WriteLine($"warning: {warning}");

    private static (VolumeGeometry Geometry, Action<string> Write) Of(Volume volume) => (volume.Geometry, target => NiftiFile.Write(target, volume, NiftiFile.ExactType(volume)));

    /// <summary>Stored values go straight into the file where they can.</summary>
    private static (VolumeGeometry Geometry, Action<string> Write) Of(DicomStack stack, int timePoint, bool resample) =>
        stack.ReadStored(timePoint) is { } stored ? (stored.Geometry, target => NiftiFile.WriteStored(target, stored)) : Of(stack.Read(timePoint, resample, Warn));

    /// <summary>What the header says beside the voxels is kept.</summary>
    private static (VolumeGeometry Geometry, Action<string> Write) ReadNifti(string path, string? series, NiftiReadOptions options)
    {
        if (series is not null)
        {
            throw new InvalidImageFileException(path, "a NIfTI file, which has no series or stacks", "a DICOM file or folder, for --series and --stack", "Leave the option out; `--time-point` chooses a volume.");
        }

        // What is not computed with is copied: no integer is rounded, whatever its type.
        var info = NiftiFile.ReadInfo(path);
        if (options.Component == NiftiComponent.Only && !(options.Resample && info.IsSheared))
        {
            return (info.Geometry, target => NiftiFile.Copy(path, target, options.Volume));
        }

        var volume = NiftiFile.Read(path, options);
        return (volume.Geometry, target => NiftiFile.Write(target, volume, NiftiFile.ExactType(volume), info.Extensions, info.Forms));
    }

    private static (VolumeGeometry Geometry, Action<string> Write) Read(string path, string? wanted, int? stackIndex, int? timePoint, string? component, bool resample, CancellationToken cancellation)
    {
        if (!Path.Exists(path))
        {
            throw new InvalidImageFileException(path, "nothing there", "a file or a folder", "Check the path.");
        }

        if (component is not null)
        {
            throw new InvalidImageFileException(path, "no NIfTI file", "complex or colour NIfTI voxels, for --component", "Leave the option out.");
        }

        var problems = new ConcurrentQueue<MedicalImageException>();
        var found = DicomSeries.Scan(path, problem: problems.Enqueue, cancellation: cancellation);
        var matches = found.Where(s => wanted is null || s.Uid == wanted || s.Number?.ToString(CultureInfo.InvariantCulture) == wanted).ToList();
        if (matches is not [var series])
        {
            throw found.Count == 0 && problems.TryDequeue(out var problem)
                ? problem
                : new InvalidImageFileException(path, $"{matches.Count} series{(wanted is null ? "" : $" \"{wanted}\"")} of {found.Count}: {string.Join(", ", found.Select(s => $"{s.Number} \"{s.Description}\""))}", "one series",
                    "Choose one with --series; `credence-infer inspect` lists them.");
        }

        if (series.Notes.Count > 0)
        {
            throw problems.First(p => p.Message == series.Notes[0]); // a volume without the slices that could not be read would mislead
        }

        if (stackIndex is null && timePoint is null)
        {
            return Of(series.OnlyStack(), 0, resample);
        }

        if (stackIndex is null && series.Stacks.Count > 1 || stackIndex >= series.Stacks.Count)
        {
            throw new InvalidImageFileException(path, $"{series.Stacks.Count} stacks", "a stack that is there", "Choose one with --stack; `credence-infer inspect` lists them.");
        }

        var stack = series.Stacks[stackIndex ?? 0];
        return timePoint is null && stack.TimePoints > 1 || timePoint >= stack.TimePoints
            ? throw new InvalidImageFileException(path, $"{stack.TimePoints} time points", "a time point that is there", "Choose one with --time-point, from 1.")
            : Of(stack, timePoint ?? 0, resample);
    }
}
