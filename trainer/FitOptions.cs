using System.CommandLine;
using System.CommandLine.Parsing;
using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Sampling;
using Credence.Trainer.Training;

namespace Credence.Trainer;

/// <summary>The options that say how a network is trained, shared by every command that trains.</summary>
/// <param name="defaultEpochs">When neither epochs nor minutes are given.</param>
internal sealed class FitOptions(int defaultEpochs = 100)
{
    /// <summary>What an option that is not given stands for.</summary>
    public static readonly TrainingOptions Defaults = new() { Data = "", Run = "" };

    /// <summary>Names of the options that mean nothing in one process.</summary>
    public static readonly string[] OfSeveralProcesses = ["--weight-noise", "--elastic-period", "--elastic-strength"];

    private readonly Option<Posterior> posterior = Kind("--posterior", "What the weights are", Defaults.Posterior);
    private readonly Option<int?> epochs = Positive(new Option<int?>("--epochs") { Description = $"Number of epochs. Give this or --minutes; {defaultEpochs} when neither is given." });
    private readonly Option<double?> minutes = Positive(new Option<double?>("--minutes") { Description = "Wall-clock minutes, validation included." });
    private readonly Option<int?> steps = Positive(new Option<int?>("--steps-per-epoch") { Description = $"Steps an epoch; {Defaults.StepsPerEpoch} by default." });
    private readonly Option<int?> batch = Positive(new Option<int?>("--batch-size") { Description = "Patches a step, over all processes; the plan's by default." });
    private readonly Option<int?> accumulate = Positive(new Option<int?>("--accumulate") { Description = $"Passes a step in each process, whose gradients are added, so that a batch needs less memory; {Defaults.Accumulate} by default." });
    private readonly Option<WeightNoise> weightNoise = Kind("--weight-noise", "Whether processes that train together draw the same Gaussian weights", Defaults.WeightNoise);
    private readonly Option<int?> width = Positive(new Option<int?>("--width") { Description = "Channels at full resolution; the plan's by default." });
    private readonly Option<OptimiserKind> optimiser = Kind("--optimiser", "Optimiser", Defaults.Optimiser);
    private readonly Option<double?> rate = Positive(new Option<double?>("--learning-rate") { Description = "Top of the schedule; 5e-3 for AdamW and 1e-2 for SGD by default." });
    private readonly Option<int?> reference = Positive(new Option<int?>("--learning-rate-batch-size") { Description = "Patches a step that --learning-rate is meant for: linear scaling multiplies it by --batch-size over them, after a warm-up from the rate itself." });
    private readonly Option<double?> warmUp = Within(new Option<double?>("--learning-rate-warm-up") { Description = "Share of the run in which the learning rate rises; 0.02, and 5/90 with --learning-rate-batch-size." }, v => v is null or (>= 0 and < 1), "a number from 0 to below 1");
    private readonly Option<int?> elasticPeriod = Positive(new Option<int?>("--elastic-period") { Description = "Elastic averaging: every process has weights of its own, and they pull at a common centre every so many steps. Without it, gradients are added in every step." });
    private readonly Option<double?> elasticStrength = Within(new Option<double?>("--elastic-strength") { Description = $"Elastic averaging: how far the centre moves to the mean of the weights, from 0 to 1; {FormattableString.Invariant($"{Defaults.ElasticStrength}")} by default." }, v => v is null or (> 0 and <= 1), "a number above 0, up to 1");
    private readonly Option<LossSum> loss = new("--loss")
    {
        Description = $"Loss of the data term: a sum such as \"0.5 dice(batch) + focal(gamma=2)\" of {string.Join(", ", LossSum.Names)}; arguments in docs/reference/losses.md.",
        CustomParser = ParseLoss,
        DefaultValueFactory = _ => Defaults.Loss,
    };

    private readonly Option<DataTerm> dataTerm = Kind("--data-term", "What the data term is summed or averaged over", Defaults.DataTerm);
    private readonly Option<KlScaling?> scaling = new("--kl-scaling")
    {
        Description = $"Factor of the KL divergence: {string.Join(", ", Enum.GetNames<KlScaling>().Select(Hyphenated))}; the one that belongs to --data-term by default.",
        HelpName = string.Join('|', Enum.GetNames<KlScaling>().Select(Hyphenated)),
        CustomParser = result => Parse<KlScaling>(result),
    };

    private readonly Option<double> temper = Within(new Option<double>("--temper") { Description = "Factor of the KL: 1 is Bayes, below 1 a cold posterior.", DefaultValueFactory = _ => Defaults.Temper }, v => v >= 0 && double.IsFinite(v), "0 or more");
    private readonly Option<double?> prior = Positive(new Option<double?>("--prior-sigma") { Description = $"Mean-field: standard deviation of the Gaussian or Laplace prior, or of the wide component of the scale mixture; {Defaults.PriorSigma} by default." });
    private readonly Option<double?> drop = Within(new Option<double?>("--drop-probability") { Description = $"Channel dropout: probability that a channel is dropped; {FormattableString.Invariant($"{Defaults.DropProbability}")} by default." }, v => v is null or > 0 and < 1, "a number between 0 and 1, without them");
    private readonly Option<KlWarmUpKind> klWarmUp = Kind("--kl-warm-up", "How the factor of the KL rises from 0", Defaults.KlWarmUp.Kind);
    private readonly Option<double> klShare = Within(new Option<double>("--kl-warm-up-share") { Description = "Share of the run, or of each cycle, in which the KL rises; in (0, 1).", DefaultValueFactory = _ => Defaults.KlWarmUp.Share }, v => v is > 0 and < 1, "a number between 0 and 1, without them");
    private readonly Option<int?> klCycles = Positive(new Option<int?>("--kl-cycles") { Description = $"Cycles of --kl-warm-up cyclical; {Defaults.KlWarmUp.Cycles} by default." });
    private readonly Option<double> weightDecay = Within(new Option<double>("--weight-decay") { Description = "L2: decay of convolution weights that are points; decoupled from the gradient with AdamW, added to it with SGD.", DefaultValueFactory = _ => Defaults.WeightDecay }, v => v >= 0 && double.IsFinite(v), "0 or more");
    private readonly Option<double> l1 = Within(new Option<double>("--l1") { Description = "L1 penalty on convolution weights that are points; makes weights exactly 0.", DefaultValueFactory = _ => Defaults.L1 }, v => v >= 0 && double.IsFinite(v), "0 or more");
    private readonly Option<double?> average = Within(new Option<double?>("--average") { Description = "Decay of a moving average of the weights, such as 0.999; the average is validated and kept as the best." }, v => v is null or > 0 and < 1, "a number between 0 and 1");
    private readonly Option<SelectionCriterion> select = Kind("--select", "What makes an epoch the best", Defaults.Select);
    private readonly Option<int?> patience = Positive(new Option<int?>("--patience") { Description = "Stop after this many epochs without a better one." });
    private readonly Option<int> recency = Within(new Option<int>("--recency") { Description = "Minibatches at each end of an epoch on which the recency of the loss is measured; 0 for none.", DefaultValueFactory = _ => Defaults.RecencyMinibatches }, v => v >= 0, "0 or more");
    private readonly Option<string> flips = Within(new Option<string>("--flip-axes") { Description = "Axes mirrored in augmentation: any of i (left-right), j, k, or none.", DefaultValueFactory = _ => Defaults.Augmentation.FlipAxes }, v => v == "none" || (v.Length > 0 && v.All("ijk".Contains)), "letters of i, j and k such as ij, or none");
    private readonly Option<double> strength = Within(new Option<double>("--augmentation-strength") { Description = "Augmentation: multiplies ranges (of scale and gamma their logarithms) and probabilities of rotation, scale, noise, brightness and gamma; 0 for none of them.", DefaultValueFactory = _ => 1 }, v => v is >= 0 and <= 3, "a number from 0 to 3");
    private readonly Option<double> deformation = Within(new Option<double>("--deformation") { Description = "Augmentation: largest standard deviation of an elastic displacement along each axis, mm; 0 for none.", DefaultValueFactory = _ => Defaults.Augmentation.MaximumDeformation }, v => v >= 0 && double.IsFinite(v), "0 or more");
    private readonly Option<double> receiveField = Within(new Option<double>("--receive-field") { Description = "Augmentation: largest smooth factor on intensities, two standard deviations of its logarithm; 1 for none.", DefaultValueFactory = _ => Defaults.Augmentation.MaximumReceiveField }, v => v is >= 1 and <= 10, "a number from 1 to 10");
    private readonly Option<double> foreground = Within(new Option<double>("--foreground-probability") { Description = "Probability that a patch is placed at a foreground voxel, its class drawn with equal chance; 0 places every patch anywhere.", DefaultValueFactory = _ => Defaults.ForegroundProbability }, v => v is >= 0 and <= 1, "a number from 0 to 1");
    private readonly Option<int> folds = new("--folds") { Description = "Number of folds.", DefaultValueFactory = _ => Defaults.Folds };
    private readonly Option<ulong?> splitSeed = new("--split-seed") { Description = "Seed of the folds; --seed by default. Runs that are compared or averaged need the same." };
    private readonly Option<FileInfo> testLock = new("--test-lock") { Description = "Record of the test set, none of whose scans may train; test-lock.json beside the data set by default." };
    private readonly Option<string> device = Device();
    private readonly NetworkArguments network = new();
    private readonly Option<ComputePrecision> precision = Kind("--precision", "Number format of convolutions; norms, losses and KL stay float32, but for float64, which is for proofs", Defaults.Precision);
    private readonly Option<int?> workers = Positive(new Option<int?>("--workers") { Description = $"Minibatches prepared at the same time; {Defaults.SamplingWorkers} by default. Changes the speed alone." });
    private readonly Option<int> threads = Within(new Option<int>("--threads") { Description = "Threads; 0 is one a core." }, v => v >= 0, "0 or more");

    /// <summary>Adds the options and the rules between them to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="except">Names of options that the command sets itself.</param>
    public void AddTo(Command command, params string[] except)
    {
        posterior.Aliases.Add("-p");
        foreach (var option in new Option[] { posterior, epochs, minutes, steps, batch, accumulate, weightNoise, width, optimiser, rate, reference, warmUp, elasticPeriod, elasticStrength, loss, dataTerm, scaling, temper, klWarmUp, klShare, klCycles, prior, drop, weightDecay, l1, average, select, patience, recency, flips, strength, deformation, receiveField, foreground, folds, splitSeed, testLock, device, precision, workers, threads })
        {
            if (!except.Contains(option.Name))
            {
                command.Options.Add(option);
            }
        }

        network.AddTo(command, except);
        command.Validators.Add(Check);
    }

    /// <summary>The fold that is held out.</summary>
    public static Option<int> Fold(string description) => new("--fold") { Description = description, DefaultValueFactory = _ => Defaults.Fold };

    /// <summary>Refuses a fold that <c>--folds</c> does not have.</summary>
    public void CheckFold(Command command, Option<int> fold) =>
        CheckFold(command, result => result.GetResult(fold) is null ? Defaults.Fold : result.GetValue(fold)); // a validator does not see the defaults of options that were not given

    /// <summary>Refuses a fold that <c>--folds</c> does not have.</summary>
    /// <param name="command">The command.</param>
    /// <param name="fold">Null where no fold is held out.</param>
    public void CheckFold(Command command, Func<CommandResult, int?> fold) => command.Validators.Add(result =>
    {
        var (held, count) = (fold(result), Folds(result));
        if (count >= 2 && (held < 0 || held >= count))
        {
            result.AddError($"--fold {held} of --folds {count}: give at least 2 folds, and a fold from 0 to folds - 1.");
        }
    });

    private int Folds(CommandResult result) => result.GetResult(folds) is null ? Defaults.Folds : result.GetValue(folds);

    /// <summary>The options that were given; fold and seed are the caller's.</summary>
    /// <param name="parse">The parsed command line.</param>
    /// <param name="data">Folder with the data set.</param>
    /// <param name="run">Folder of the run.</param>
    public TrainingOptions Read(ParseResult parse, string data, string run) => network.Apply(Until(parse, new TrainingOptions
    {
        Data = data,
        Run = run,
        Posterior = parse.GetValue(posterior),
        Epochs = defaultEpochs,
        StepsPerEpoch = parse.GetValue(steps) ?? Defaults.StepsPerEpoch,
        BatchSize = parse.GetValue(batch),
        Accumulate = parse.GetValue(accumulate) ?? Defaults.Accumulate,
        WeightNoise = parse.GetValue(weightNoise),
        Width = parse.GetValue(width),
        Optimiser = parse.GetValue(optimiser),
        LearningRate = parse.GetValue(rate),
        ReferenceBatchSize = parse.GetValue(reference),
        WarmUp = parse.GetValue(warmUp),
        ElasticPeriod = parse.GetValue(elasticPeriod),
        ElasticStrength = parse.GetValue(elasticStrength) ?? Defaults.ElasticStrength,
        Loss = parse.GetValue(loss)!,
        DataTerm = parse.GetValue(dataTerm),
        KlScaling = parse.GetValue(scaling),
        Temper = parse.GetValue(temper),
        KlWarmUp = new() { Kind = parse.GetValue(klWarmUp), Share = parse.GetValue(klShare), Cycles = parse.GetValue(klCycles) ?? Defaults.KlWarmUp.Cycles },
        WeightDecay = parse.GetValue(weightDecay),
        L1 = parse.GetValue(l1),
        AverageDecay = parse.GetValue(average),
        Select = parse.GetValue(select),
        Patience = parse.GetValue(patience),
        RecencyMinibatches = parse.GetValue(recency),
        PriorSigma = parse.GetValue(prior) ?? Defaults.PriorSigma,
        DropProbability = parse.GetValue(drop) ?? Defaults.DropProbability,
        Augmentation = Defaults.Augmentation.Scaled(parse.GetValue(strength)) with
        {
            FlipAxes = parse.GetValue(flips) is "none" or null ? "" : parse.GetValue(flips)!,
            MaximumDeformation = parse.GetValue(deformation),
            MaximumReceiveField = parse.GetValue(receiveField),
        },
        ForegroundProbability = parse.GetValue(foreground),
        Folds = parse.GetValue(folds),
        SplitSeed = parse.GetValue(splitSeed),
        TestLock = parse.GetValue(testLock)?.FullName,
        Device = parse.GetValue(device)!,
        Precision = parse.GetValue(precision),
        SamplingWorkers = parse.GetValue(workers) ?? Defaults.SamplingWorkers,
        Threads = parse.GetValue(threads),
    }), parse);

    /// <summary>The options of a run that goes on, with what may change where the command line says so.</summary>
    public TrainingOptions Change(ParseResult parse, TrainingOptions options, string? data)
    {
        bool IsGiven(Option option) => parse.GetResult(option) is { Implicit: false };
        options = Until(parse, options);
        return options with
        {
            Data = data ?? options.Data,
            Patience = IsGiven(patience) ? parse.GetValue(patience) : options.Patience,
            Device = IsGiven(device) ? parse.GetValue(device)! : options.Device,
            TestLock = IsGiven(testLock) ? parse.GetValue(testLock)?.FullName : options.TestLock,
            Threads = IsGiven(threads) ? parse.GetValue(threads) : options.Threads,
            SamplingWorkers = parse.GetValue(workers) ?? options.SamplingWorkers,
        };
    }

    private TrainingOptions Until(ParseResult parse, TrainingOptions options) => (parse.GetValue(epochs), parse.GetValue(minutes)) switch
    {
        (null, null) => options,
        var (e, m) => options with { Epochs = e, Minutes = m },
    };

    private void Check(CommandResult result)
    {
        if (result.GetValue(epochs) is not null && result.GetValue(minutes) is not null)
        {
            result.AddError("Give --epochs or --minutes, not both.");
        }

        if (result.GetValue(elasticStrength) is not null && result.GetValue(elasticPeriod) is null)
        {
            result.AddError($"{elasticStrength.Name} has no effect without {elasticPeriod.Name}.");
        }

        if (result.GetValue(elasticPeriod) is not null && result.GetValue(average) is not null)
        {
            result.AddError($"Give {average.Name} or {elasticPeriod.Name}, not both: one network is kept, the average over steps or the centre of the processes.");
        }

        if (Folds(result) < 2)
        {
            result.AddError($"--folds is {Folds(result)}; give at least 2 folds.");
        }

        var (term, factor) = (result.GetResult(dataTerm) is null ? Defaults.DataTerm : result.GetValue(dataTerm), result.GetValue(scaling));
        if (factor is { } given && !Elbo.IsBound(term, given))
        {
            result.AddError($"--data-term {Hyphenated(term.ToString())} with --kl-scaling {Hyphenated(given.ToString())} is not an evidence lower bound; "
                + $"give {string.Join(" or ", Enum.GetValues<KlScaling>().Where(s => Elbo.IsBound(term, s)).Select(s => Hyphenated(s.ToString())))}, or leave --kl-scaling out.");
        }
    }

    internal static Option<T?> Positive<T>(Option<T?> option)
        where T : struct, System.Numerics.INumber<T>
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T?>() is { } value && !(value > T.Zero && T.IsFinite(value)))
            {
                result.AddError($"{option.Name} is {value}; give a number above 0.");
            }
        });
        return option;
    }

    /// <summary>The device, for the commands that compute.</summary>
    public static Option<string> Device() => Within(
        new Option<string>("--device") { Description = "auto (the first CUDA device, else cpu), cpu, cuda, or cuda:0 and so on.", DefaultValueFactory = _ => Defaults.Device },
        v => v is "auto" or "cpu" or "cuda" || (v.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(v[5..], out var index) && index >= 0), "auto, cpu, cuda, or a device such as cuda:0");

    /// <summary>Number of Monte Carlo samples, for the commands that predict.</summary>
    public static Option<int> Samples(string description) =>
        Within(new Option<int>("--samples") { Description = description, DefaultValueFactory = _ => 16 }, v => v >= 0, "0 (the posterior mean) or more");

    /// <summary>An option whose value keeps a rule.</summary>
    public static Option<T> Within<T>(Option<T> option, Predicate<T> isAllowed, string allowed)
    {
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && result.GetValueOrDefault<T>() is { } value && !isAllowed(value))
            {
                result.AddError(FormattableString.Invariant($"{option.Name} is {value}; give {allowed}."));
            }
        });
        return option;
    }

    /// <summary>An option whose values are the names of an enumeration, written with hyphens.</summary>
    public static Option<T> Kind<T>(string name, string description, T defaultValue)
        where T : struct, Enum => new(name)
        {
            Description = $"{description}: {string.Join(", ", Enum.GetNames<T>().Select(Hyphenated))}.",
            HelpName = string.Join('|', Enum.GetNames<T>().Select(Hyphenated)),
            CustomParser = result => Parse<T>(result),
            DefaultValueFactory = _ => defaultValue,
        };

    private static LossSum? ParseLoss(ArgumentResult result)
    {
        try
        {
            return LossSum.Parse(result.Tokens[0].Value);
        }
        catch (FormatException e)
        {
            result.AddError(e.Message);
            return null;
        }
    }

    private static T Parse<T>(ArgumentResult result)
        where T : struct, Enum
    {
        var text = result.Tokens[0].Value;
        foreach (var value in Enum.GetValues<T>().Where(v => v.ToString().Equals(text.Replace("-", "", StringComparison.Ordinal), StringComparison.OrdinalIgnoreCase))) // as help shows defaults, too
        {
            return value;
        }

        result.AddError($"'{text}' is not one of {string.Join(", ", Enum.GetNames<T>().Select(Hyphenated))}.");
        return default;
    }

    /// <summary>MeanPerVoxel becomes mean-per-voxel.</summary>
    public static string Hyphenated(string name) =>
        string.Concat(name.Select((c, n) => char.IsUpper(c) ? (n > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
}
