using System.CommandLine;
using System.CommandLine.Parsing;
using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Sampling;
using Credence.Trainer.Training;

namespace Credence.Trainer;

internal static class FitCommand
{
    private static readonly TrainingOptions Defaults = new() { Data = "", Run = "" };

    public static Command Create()
    {
        var data = new Option<DirectoryInfo>("--data", "-d") { Description = "Folder of scans: Decathlon layout, or one folder a case. Needed unless --resume." };
        var run = new Option<DirectoryInfo>("--out", "-o") { Description = "Folder of the run: plan, log and checkpoints.", Required = true };
        var posterior = Kind("--posterior", "What the weights are", Defaults.Posterior);
        posterior.Aliases.Add("-p");
        var epochs = Positive(new Option<int?>("--epochs") { Description = "Number of epochs. Give this or --minutes; 100 when neither is given." });
        var minutes = Positive(new Option<double?>("--minutes") { Description = "Wall-clock minutes, validation included." });
        var resume = new Option<bool>("--resume") { Description = "Go on from the last checkpoint in --out, with the options of that run; --minutes and --epochs may be changed." };
        var steps = Positive(new Option<int?>("--steps-per-epoch") { Description = $"Steps an epoch; {Defaults.StepsPerEpoch} by default." });
        var batch = Positive(new Option<int?>("--batch-size") { Description = "Patches a step; the plan's by default." });
        var width = Positive(new Option<int?>("--width") { Description = "Channels at full resolution; the plan's by default." });
        var optimiser = Kind("--optimiser", "Optimiser", Defaults.Optimiser);
        var rate = Positive(new Option<double?>("--learning-rate") { Description = "Top of the schedule; 5e-3 for AdamW and 1e-2 for SGD by default." });
        var loss = Kind("--loss", "Loss of the data term", Defaults.Loss);
        var dataTerm = Kind("--data-term", "What the data term is summed or averaged over", Defaults.DataTerm);
        var scaling = new Option<KlScaling?>("--kl-scaling")
        {
            Description = $"Factor of the KL divergence: {string.Join(", ", Enum.GetNames<KlScaling>().Select(Hyphenated))}; the one that belongs to --data-term by default.",
            CustomParser = result => Parse<KlScaling>(result),
        };
        var temper = new Option<double>("--temper") { Description = "Factor of the KL: 1 is Bayes, below 1 a cold posterior.", DefaultValueFactory = _ => Defaults.Temper };
        var prior = Positive(new Option<double?>("--prior-sigma") { Description = $"Standard deviation of the Gaussian prior; {Defaults.PriorSigma} by default." });
        var flips = new Option<string>("--flip-axes") { Description = "Axes mirrored in augmentation: any of i (left-right), j, k, or none.", DefaultValueFactory = _ => Defaults.Augmentation.FlipAxes };
        var fold = new Option<int>("--fold") { Description = "The fold that validates, from 0.", DefaultValueFactory = _ => Defaults.Fold };
        var folds = new Option<int>("--folds") { Description = "Number of folds.", DefaultValueFactory = _ => Defaults.Folds };
        var seed = new Option<ulong>("--seed") { Description = "Seed of everything random.", DefaultValueFactory = _ => Defaults.Seed };
        var device = new Option<string>("--device") { Description = "auto, cpu or cuda:0.", DefaultValueFactory = _ => Defaults.Device };
        var threads = new Option<int>("--threads") { Description = "Threads; 0 is one a core." };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON on the output stream; progress goes to the error stream." };

        var command = new Command("fit", "Train a network on one fold of a folder of scans.")
        {
            data, run, posterior, epochs, minutes, resume, steps, batch, width, optimiser, rate, loss, dataTerm, scaling, temper, prior, flips, fold, folds, seed, device, threads, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(epochs) is not null && result.GetValue(minutes) is not null)
            {
                result.AddError("Give --epochs or --minutes, not both.");
            }

            if (!result.GetValue(resume) && result.GetValue(data) is null)
            {
                result.AddError("Give --data, the folder of scans, or --resume.");
            }

            var (term, factor) = (result.GetResult(dataTerm) is null ? Defaults.DataTerm : result.GetValue(dataTerm), result.GetValue(scaling));
            if (factor is { } given && !Elbo.IsBound(term, given))
            {
                result.AddError($"--data-term {Hyphenated(term.ToString())} with --kl-scaling {Hyphenated(given.ToString())} is not an evidence lower bound; "
                    + $"give {string.Join(" or ", Enum.GetValues<KlScaling>().Where(s => Elbo.IsBound(term, s)).Select(s => Hyphenated(s.ToString())))}, or leave --kl-scaling out.");
            }

            // A validator does not see the defaults of options that were not given.
            var (foldValue, foldCount) = (
                result.GetResult(fold) is null ? Defaults.Fold : result.GetValue(fold), result.GetResult(folds) is null ? Defaults.Folds : result.GetValue(folds));
            if (foldCount < 2 || foldValue < 0 || foldValue >= foldCount)
            {
                result.AddError($"--fold {foldValue} of --folds {foldCount}: give at least 2 folds, and a fold from 0 to folds - 1.");
            }
        });
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            using var observer = ConsoleObserver.Create(parse.GetValue(json));
            TrainingOptions Until(TrainingOptions options) => (parse.GetValue(epochs), parse.GetValue(minutes)) switch
            {
                (null, null) => options,
                var (e, m) => options with { Epochs = e, Minutes = m },
            };
            var result = parse.GetValue(resume)
                ? TrainingLoop.Resume(parse.GetRequiredValue(run).FullName, Until, observer, TimeProvider.System, cancellation)
                : TrainingLoop.Fit(Until(new TrainingOptions
                {
                    Data = parse.GetRequiredValue(data).FullName,
                    Run = parse.GetRequiredValue(run).FullName,
                    Posterior = parse.GetValue(posterior),
                    Epochs = 100,
                    StepsPerEpoch = parse.GetValue(steps) ?? Defaults.StepsPerEpoch,
                    BatchSize = parse.GetValue(batch),
                    Width = parse.GetValue(width),
                    Optimiser = parse.GetValue(optimiser),
                    LearningRate = parse.GetValue(rate),
                    Loss = parse.GetValue(loss),
                    DataTerm = parse.GetValue(dataTerm),
                    KlScaling = parse.GetValue(scaling),
                    Temper = parse.GetValue(temper),
                    PriorSigma = parse.GetValue(prior) ?? Defaults.PriorSigma,
                    Augmentation = new AugmentationOptions { FlipAxes = parse.GetValue(flips) is "none" or null ? "" : parse.GetValue(flips)! },
                    Seed = parse.GetValue(seed),
                    Fold = parse.GetValue(fold),
                    Folds = parse.GetValue(folds),
                    Device = parse.GetValue(device)!,
                    Threads = parse.GetValue(threads),
                }), observer, TimeProvider.System, cancellation);
            observer.Finished(result);
            return CommandLine.Done;
        }, cancellation));
        return command;
    }

    private static Option<T?> Positive<T>(Option<T?> option)
        where T : struct, System.Numerics.INumber<T>
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T?>() is { } value && value <= T.Zero)
            {
                result.AddError($"{option.Name} is {value}; give a number above 0.");
            }
        });
        return option;
    }

    /// <summary>An option whose values are the names of an enumeration, written with hyphens.</summary>
    private static Option<T> Kind<T>(string name, string description, T defaultValue)
        where T : struct, Enum => new(name)
        {
            Description = $"{description}: {string.Join(", ", Enum.GetNames<T>().Select(Hyphenated))}.",
            CustomParser = result => Parse<T>(result),
            DefaultValueFactory = _ => defaultValue,
        };

    private static T Parse<T>(ArgumentResult result)
        where T : struct, Enum
    {
        var text = result.Tokens[0].Value;
        foreach (var value in Enum.GetValues<T>().Where(v => Hyphenated(v.ToString()).Equals(text, StringComparison.OrdinalIgnoreCase)))
        {
            return value;
        }

        result.AddError($"'{text}' is not one of {string.Join(", ", Enum.GetNames<T>().Select(Hyphenated))}.");
        return default;
    }

    /// <summary>MeanPerVoxel becomes mean-per-voxel.</summary>
    private static string Hyphenated(string name) =>
        string.Concat(name.Select((c, n) => char.IsUpper(c) ? (n > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
