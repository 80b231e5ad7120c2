using System.CommandLine;
using Credence.Trainer.Phantoms;

namespace Credence.Trainer;

internal static class PhantomCommand
{
    public static Command Create()
    {
        var output = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder of the data set; created when missing.", Required = true };
        var cases = new Option<int>("--cases") { Description = "Number of phantoms.", DefaultValueFactory = _ => 24 };
        var seed = new Option<ulong>("--seed") { Description = "Same seed, same phantoms.", DefaultValueFactory = _ => 1ul };
        var format = new Option<PhantomFormat>("--format") { Description = "nifti (Decathlon layout) or dicom (one folder a case).", DefaultValueFactory = _ => PhantomFormat.Nifti };
        cases.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--cases is below 1; give a whole number from 1.");
            }
        });

        var command = new Command("phantom", "Write brain-like phantoms with lesions, to try everything without patient data.") { output, cases, seed, format };
        command.SetAction((parse, _) =>
        {
            var folder = parse.GetRequiredValue(output).FullName;
            var written = PhantomDataset.Write(folder, parse.GetValue(cases), parse.GetValue(seed), parse.GetValue(format), new());
            Console.WriteLine($"{written.Count} phantoms -> {folder}");
            return Task.FromResult(CommandLine.Done);
        });
        return command;
    }
}
