using System.CommandLine;
using Credence.Trainer.Phantoms;

namespace Credence.Trainer;

internal static class PhantomCommand
{
    private static readonly PhantomOptions Defaults = new();

    public static Command Create()
    {
        var output = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder of the data set; created when missing.", Required = true };
        var cases = new Option<int>("--cases") { Description = "Number of phantoms.", DefaultValueFactory = _ => 24 };
        var seed = new Option<ulong>("--seed") { Description = "Same seed, same phantoms.", DefaultValueFactory = _ => 1ul };
        var format = new Option<PhantomFormat>("--format") { Description = "nifti (Decathlon layout) or dicom (one folder a case).", DefaultValueFactory = _ => PhantomFormat.Nifti };
        var size = new Option<int[]>("--size") { Description = $"Voxels along i, j, k: three numbers; {Defaults.Size} by default.", Arity = new(1, 3), AllowMultipleArgumentsPerToken = true };
        size.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int[]>() is not [_, _, _] edges || edges.Any(e => e is < 8 or > 1024))
            {
                result.AddError("--size takes three whole numbers from 8 to 1024, such as --size 96 112 64.");
            }
        });
        cases.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--cases is below 1; give a whole number from 1.");
            }
        });

        var command = new Command("phantom", "Write brain-like phantoms with lesions, to try everything without patient data.") { output, cases, seed, format, size };
        command.SetAction((parse, _) =>
        {
            var folder = parse.GetRequiredValue(output).FullName;
            var options = parse.GetValue(size) is [var width, var height, var depth] ? Defaults with { Size = new(width, height, depth) } : Defaults;
            var written = PhantomDataset.Write(folder, parse.GetValue(cases), parse.GetValue(seed), parse.GetValue(format), options);
            Console.WriteLine($"{written.Count} phantoms -> {folder}");
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }
}
